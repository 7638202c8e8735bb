"""Text -> plain data with the place of every path, and what is wrong with it."""
