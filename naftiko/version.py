"""The version of this package, alone so that `--version` imports nothing else."""

__version__ = "0.2.0"
