"""Every test of this room runs on both event loops, and leaves neither socket nor task behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop
from tests.transport.peer import nothing_left, open_sockets

from tokenhouse.transport import Client, Limits

LIMITS = Limits(connect_timeout_s=5, headers_timeout_s=5, idle_timeout_s=5)


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
async def clean() -> AsyncIterator[None]:
    """When the test is over, nothing that it opened may be left."""
    sockets = open_sockets()
    yield
    await nothing_left(sockets)


@pytest.fixture
async def client(clean: None) -> AsyncIterator[Client]:
    """A client with short limits, closed when the test is over."""
    made = Client(LIMITS)
    yield made
    await made.aclose()
