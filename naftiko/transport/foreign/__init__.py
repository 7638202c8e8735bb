"""Requests that only `requests` can send: foreign signers, and proxies."""
