"""Likely mistakes of an author: what the rules allow, and nobody means."""
