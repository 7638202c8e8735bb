"""Work in child processes that can be ended: bytes in, bytes out.

    Pool().run(Job("naftiko.….module:function", (b"…",), seconds, memory))  →  b"…"

A child holds nothing of its parent: no variables, no environment, no open files. Native
code that never looks up is ended with its process. This folder must not know what the
work is.
"""
