"""The rules of HTTP/1.1 for a response on the wire: one set for every sender."""
