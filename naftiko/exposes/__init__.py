"""`exposes`: the adapters that serve a capability, one folder for each type.

Serving needs the extra `serve`. Loading and calling import nothing of this folder.
"""
