"""What every served adapter shares over HTTP."""
