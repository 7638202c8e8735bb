"""Check the names of a document: every call, placeholder, variable and namespace."""
