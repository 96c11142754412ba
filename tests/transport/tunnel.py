"""A proxy that understands CONNECT and nothing else."""

from __future__ import annotations

import asyncio

from tests.transport.peer import Wire


async def tunnel(wire: Wire) -> None:
    """Connect to where the request says and carry bytes both ways until either side ends."""
    await carry(wire, await wire.head())


async def carry(wire: Wire, head: bytes) -> None:
    host, _, port = head.split(b" ")[1].decode().rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        await wire.say(b"HTTP/1.1 200 Connection established\r\nvia: a proxy\r\n\r\n")
        ways = [
            asyncio.create_task(_pump(wire.reader, writer)),
            asyncio.create_task(_pump(reader, wire.writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
    finally:
        writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
