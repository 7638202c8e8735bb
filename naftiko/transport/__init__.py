"""One request on the wire. Nothing here knows the specification."""
