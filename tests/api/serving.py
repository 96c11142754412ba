"""An application behind our own server, on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from tokenhouse.api import ServerSettings, listen, uvicorn_server


@asynccontextmanager
async def serving(handler: Any, **limits: Any) -> AsyncGenerator[int]:
    """Serve ``handler`` (an ASGI application for requests alone); yields the port."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await handler(scope, receive, send)

    settings = ServerSettings(port=0, **limits)
    bound = listen(settings)
    started = asyncio.Event()

    async def say() -> None:
        started.set()

    server = uvicorn_server(app, settings, started=say)
    task = asyncio.create_task(server._serve([bound]))  # pyright: ignore[reportPrivateUsage]
    try:
        await started.wait()
        yield bound.getsockname()[1]
    finally:
        server.should_exit = True
        await task
        bound.close()
