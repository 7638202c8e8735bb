"""Response bytes → plain data: one module per `outputRawFormat`."""
