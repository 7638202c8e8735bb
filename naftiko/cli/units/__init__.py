"""What can be called in a document: found by a name, described, ranked for a search."""
