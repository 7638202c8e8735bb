"""JSONPath: read, compiled once, applied to values."""
