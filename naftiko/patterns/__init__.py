"""Patterns that others wrote, run on texts of strangers within a budget.

    a pattern of `re`  →  `re` on short texts, RE2 on long ones, else a child process

Results are those of `re` in each case. This folder must not know who wrote a pattern.
"""
