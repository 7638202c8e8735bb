"""An exposed function: compiled into a plan, run as a generator."""
