"""The composition root and the doorways; knows no domain."""

__version__ = "0.1.0"
