"""From a model that may not be loaded to an answer that has begun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from tokenhouse.engine import Engine, Use
from tokenhouse.errors import UpstreamError
from tokenhouse.providers.failures import UNREACHABLE

LOAD_WAIT_S: Final = 300.0
"""How long a request waits for its model to be loaded, when nothing else is said."""

NOTICED_S: Final = 5.0
"""How long the end of an engine's process may go unnoticed."""


class Beginning(Protocol):
    """An attempt before its first word. ``use``: what keeps the model loaded; it ends in ``aclose``."""

    use: Use | None

    async def begin(self) -> None: ...

    async def free(self) -> None:
        """Undo ``begin``, so that it can be said again."""
        ...

    async def aclose(self) -> None: ...


B = TypeVar("B", bound=Beginning)


async def begun(engine: Engine, make: Callable[[], B], load_wait_s: float) -> B:
    """Load the model if need be, and begin the attempt that ``make`` makes of a loaded one. Raises
    what either raises; then nothing is in use."""
    use = await engine.use(load_wait_s)
    try:
        attempt = make()
    except BaseException:
        use.end()
        raise
    attempt.use = use
    try:
        await _begin(attempt, engine, load_wait_s)
    except BaseException:
        await attempt.aclose()
        raise
    return attempt


async def _begin(attempt: Beginning, engine: Engine, load_wait_s: float) -> None:
    pid = engine.pid
    try:
        await attempt.begin()
        return
    except UpstreamError as error:
        if error.code != UNREACHABLE:
            raise
        lost = error
    # Its process has just died and nothing was sent: its successor answers.
    await attempt.free()
    try:
        async with asyncio.timeout(NOTICED_S):
            await engine.wait_until(lambda: engine.pid != pid)
        async with asyncio.timeout(load_wait_s):
            await engine.wait_until(lambda: engine.state != "loading")
    except TimeoutError:
        raise lost from None
    await attempt.begin()
