"""Check plain data against JSON Schemas, and say in words which rules are broken."""
