"""`exposes`: the adapters that serve a capability, one module for each kind.

Everything here needs the extra `serve`; loading and calling import nothing of it.
"""
