"""REST adapters."""
