"""Response bytes -> value, one module per `outputRawFormat`."""
