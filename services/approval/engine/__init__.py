"""How a tree of nodes is walked: pure functions that start, go on, and foresee in the same way."""
