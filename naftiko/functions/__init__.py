"""An exposed function: compiled into a plan once, run as a generator of calls."""
