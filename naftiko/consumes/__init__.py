"""A consumed operation: its arguments, its request, the result of its response."""
