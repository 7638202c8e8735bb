"""MCP adapters."""
