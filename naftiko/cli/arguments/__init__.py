"""Words of a command line → the arguments and the body of a call."""
