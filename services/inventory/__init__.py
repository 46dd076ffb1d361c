"""The item master: what the group buys, stocks, makes and sells."""
