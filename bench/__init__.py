"""The numbers: what the suite does per second and in how many milliseconds, beside the limit of the same machine."""
