"""JSONPath text → function: read once, compiled once, applied to many values."""
