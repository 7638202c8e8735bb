"""Observability of a server: metrics, traces and log lines of its requests."""
