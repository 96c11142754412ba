"""Benchmarks: what the house costs beside other gateways, and beside its own engine alone.

They start their own peers, print ratios and always exit 0; nothing in the tests depends on a time.
"""
