"""Access to a served adapter: authentication, CORS, CSRF and DNS rebinding."""
