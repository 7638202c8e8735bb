"""A question and texts → the texts that answer it, best first."""
