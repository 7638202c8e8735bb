"""Connections of an event loop: opened, kept, and used for one exchange at a time."""
