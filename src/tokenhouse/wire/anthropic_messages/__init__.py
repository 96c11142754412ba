"""Anthropic's Messages, on both sides: clients that speak it and providers that speak it.

Knows the bytes of requests, answers, streams and errors of this one protocol. Refuses to know any
other dialect, the network, who pays and which provider is behind an answer.
"""

__all__: list[str] = []
