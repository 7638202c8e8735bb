"""JSON Schemas of the inputs and the outputs of functions (spec 3.3, 3.6)."""
