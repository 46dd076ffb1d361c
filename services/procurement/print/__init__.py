"""The order on paper: A4, in the customary Chinese layout."""
