"""A consumed operation: what it takes, what it sends, what comes of it."""
