"""The head of a request, checked so that no value can smuggle a line of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NewType

HeaderBlock = NewType("HeaderBlock", bytes)
"""Checked header lines, each with its CR LF. Build it once per provider, send it a million times."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(rb"/[\x21-\x7e]*")
_METHOD = re.compile(rb"[A-Z]+")

# The client frames the message and owns the connection: these are its to write.
_OURS = frozenset(
    (
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


def header_block(headers: Sequence[tuple[bytes, bytes]]) -> HeaderBlock:
    """Check and join headers for ``Client.send``.

    Raises ValueError naming the header, never its value: a name that is no token, a value with a
    line break or another control character, a name that the client itself writes.
    """
    lines: list[bytes] = []
    for name, value in headers:
        if _TOKEN.fullmatch(name) is None:
            raise ValueError(f"header name {name!r} is no token")
        if name.lower() in _OURS:
            raise ValueError(f"header {name!r} is written by the client itself")
        if _VALUE.fullmatch(value) is None:
            raise ValueError(f"the value of header {name!r} holds a control character")
        lines.append(b"%b: %b\r\n" % (name, value))
    return HeaderBlock(b"".join(lines))


def request_head(
    method: bytes, target: bytes, origin_lines: bytes, headers: bytes, length: int
) -> bytes:
    """The bytes before the body. ``origin_lines`` is what ``origin_lines()`` gave.

    Raises ValueError for a method or target that could break out of the request line.
    """
    if _METHOD.fullmatch(method) is None:
        raise ValueError("the method must be upper-case letters")
    if _TARGET.fullmatch(target) is None:
        raise ValueError("the target must start with / and be printable ASCII without spaces")
    if length or method not in (b"GET", b"HEAD"):
        return b"%b %b%b%bcontent-length: %d\r\n\r\n" % (
            method, target, origin_lines, headers, length,
        )  # fmt: skip
    return b"%b %b%b%b\r\n" % (method, target, origin_lines, headers)


def origin_lines(authority: str) -> bytes:
    """The end of the request line and the headers that every request to one origin shares."""
    return b" HTTP/1.1\r\nhost: %b\r\naccept-encoding: identity\r\n" % authority.encode("ascii")
