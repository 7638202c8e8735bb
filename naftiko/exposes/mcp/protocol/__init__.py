"""The Model Context Protocol itself: messages, revisions, sessions; no sockets."""
