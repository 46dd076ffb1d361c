"""Files that belong to documents of any service."""
