"""Processes, sockets and signals of `naftiko serve`."""
