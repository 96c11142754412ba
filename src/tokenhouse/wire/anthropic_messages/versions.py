"""What the versions of Anthropic's API differ in, as far as a request goes. Pure.

Source: the versioning page of the API's documentation. Versions are dates, so texts compare.
"""

from __future__ import annotations

from typing import Final

from tokenhouse.chat import Request
from tokenhouse.wire.anthropic_messages.wording import extra

FIRST_VERSION: Final = "2023-06-01"
"""What a request without ``anthropic-version`` means, and what goes upstream with a translated one:
the last version that takes sampling parameters."""

NEWER_VERSION: Final = "2026-10-21"
"""The first version without sampling parameters, where models measure their thinking themselves. Newer
models want a request of that shape under any version."""

SAMPLING: Final = ("temperature", "top_p", "top_k")


def upstream_version(request: Request) -> str:
    """The version to send: the client's own in the lossless lane (never another one), else the first."""
    if request.dialect == "anthropic_messages" and request.version:
        return request.version
    return FIRST_VERSION


def takes_sampling(version: str) -> bool:
    """Does a request of ``version`` take sampling parameters? From 2026-10-21 on they are refused."""
    return version < NEWER_VERSION


def check_version(request: Request) -> None:
    """For providers of this dialect: CallerError 400 for a field that the client's version refuses, in
    the API's words. Models elsewhere take it."""
    if takes_sampling(upstream_version(request)):
        return
    for name in SAMPLING:
        if name in request.fields:
            raise extra(name)
