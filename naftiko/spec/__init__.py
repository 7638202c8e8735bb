"""Plain data -> records, one module per noun of the specification."""
