"""A request driven by hand through a house's ASGI door, and raw bytes through its socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.house import Running

PATH = "/v1/chat/completions"


@dataclass(slots=True)
class Client:
    """One client: says its request, then stays until it is told to leave; keeps what it was sent."""

    body: bytes
    sent: list[Any] = field(default_factory=list[Any])
    left: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Condition = field(default_factory=asyncio.Condition)
    asked: bool = False

    async def receive(self) -> dict[str, Any]:
        if not self.asked:
            self.asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)
        async with self.told:
            self.told.notify_all()

    async def until_sent(self, part: bytes) -> None:
        """Wait until the body that was sent holds ``part``."""
        async with self.told, asyncio.timeout(30):
            await self.told.wait_for(lambda: part in self.text)

    @property
    def text(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def finished(self) -> bool:
        """Was the answer ended properly?"""
        return not self.sent[-1].get("more_body", False)

    def header(self, name: str) -> str | None:
        found = dict(self.sent[0]["headers"]).get(name.encode())
        return None if found is None else found.decode()


def scope(
    running: Running, path: str = PATH, *, method: str = "POST", **headers: str
) -> dict[str, Any]:
    """An ASGI scope with the house's first key; ``headers`` with ``_`` for ``-``."""
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer " + running.key.encode()), *named],
        "client": ("127.0.0.1", 1),
    }


async def ask(running: Running, asked: dict[str, Any], **headers: str) -> Client:
    """Send ``asked`` through the whole application and wait for its end."""
    client = Client(json.dumps(asked).encode())
    async with asyncio.timeout(60):
        await running.house(scope(running, **headers), client.receive, client.send)
    return client


async def get(running: Running, path: str, method: str = "GET", **headers: str) -> Client:
    client = Client(b"")
    async with asyncio.timeout(60):
        await running.house(
            scope(running, path, method=method, **headers), client.receive, client.send
        )
    return client


def head(running: Running, length: int, *more: str) -> bytes:
    """A request's head for a body of ``length`` bytes."""
    lines = [
        f"POST {PATH} HTTP/1.1",
        "host: x",
        f"authorization: Bearer {running.key}",
        f"content-length: {length}",
        *more,
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """One answer with a content-length: its status and body."""
    async with asyncio.timeout(30):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        return int(lines[0].split()[1]), await reader.readexactly(int(headers["content-length"]))
