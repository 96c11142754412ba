"""Tokenhouse: your own model API in one install."""

__version__ = "0.1.0"
