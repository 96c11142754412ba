"""Servers that tests talk to over real sockets. Nothing here knows the house's own code."""
