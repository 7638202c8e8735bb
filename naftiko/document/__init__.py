"""Read a text into plain data, with the place of every path and findings about it."""
