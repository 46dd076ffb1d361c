"""Who must agree to a document, who agreed, and whose turn it is. Knows of documents what they say of themselves."""
