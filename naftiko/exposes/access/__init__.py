"""Who may call a served adapter."""
