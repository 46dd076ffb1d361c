"""How a service runs: the library that every service of the suite uses. It knows no business document."""
