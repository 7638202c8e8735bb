"""Names are checked: every call, placeholder, variable and namespace."""
