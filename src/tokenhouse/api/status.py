"""Health, readiness and metrics: for load balancers and Prometheus, without a key."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from tokenhouse.api.http import Receive, Respond, Scope, Send
from tokenhouse.api.metrics import Counted, HouseCollector


class Status:
    """``readiness`` tells, per part, None when it is ready, else what it waits for; ``models``, per
    offered model, where it stands."""

    def __init__(
        self,
        counted: Counted,
        *,
        readiness: Callable[[], Mapping[str, str | None]],
        models: Callable[[], Mapping[str, str]],
    ) -> None:
        self._readiness = readiness
        self._models = models
        self._registry = CollectorRegistry()
        self._house = HouseCollector(counted)
        self._registry.register(self._house)
        ProcessCollector(registry=self._registry)

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 as long as this process answers at all."""
        del scope, receive
        await Respond(send, []).json(200, b'{"status":"ok"}')

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """200 when requests can be served and paid, else 503 naming what is missing."""
        del scope, receive
        parts = self._readiness()
        waiting = {name: reason for name, reason in parts.items() if reason is not None}
        state = {
            "status": "waiting" if waiting else "ready",
            "parts": {**parts},
            "models": {**self._models()},
            "pid": os.getpid(),
        }
        await Respond(send, []).json(503 if waiting else 200, msgspec.json.encode(state))

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Prometheus text format 0.0.4."""
        del scope, receive
        await self._house.read()
        body = generate_latest(self._registry)
        headers = [
            (b"content-type", b"text/plain; version=0.0.4; charset=utf-8"),
            (b"content-length", b"%d" % len(body)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
