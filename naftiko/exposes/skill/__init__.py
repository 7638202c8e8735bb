"""Skill adapters."""
