"""Script steps: JavaScript in a sandbox with limits."""
