"""Connections of threads and event loops: opened, kept, used for one at a time."""
