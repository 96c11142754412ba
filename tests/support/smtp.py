"""A small mail server on a real socket, as RFC 5321 has it: it keeps what it is given."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass(slots=True)
class MailServer:
    """``said``: every command line; ``mails``: what came; ``signed_in``: the words of AUTH PLAIN."""

    port: int = 0
    offers_tls: ssl.SSLContext | None = None
    refuses: bool = False
    said: list[str] = field(default_factory=list[str])
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    signed_in: list[str] = field(default_factory=list[str])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        secure = writer.get_extra_info("ssl_object") is not None
        while line := await reader.readline():
            said = line.decode("latin-1").rstrip("\r\n")
            self.said.append(said)
            verb = said.partition(" ")[0].upper()
            if verb == "EHLO":
                offered = ["mail.test", "8BITMIME", "AUTH PLAIN"]
                if self.offers_tls is not None and not secure:
                    offered.append("STARTTLS")
                lines = [f"250-{word}" for word in offered[:-1]] + [f"250 {offered[-1]}"]
                writer.write(("\r\n".join(lines) + "\r\n").encode())
            elif verb == "STARTTLS" and self.offers_tls is not None:
                writer.write(b"220 go on\r\n")
                await writer.drain()
                await writer.start_tls(self.offers_tls)
                secure = True
            elif verb == "AUTH":
                self.signed_in.append(base64.b64decode(said.split(" ")[2]).decode())
                writer.write(b"235 well\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                await self._data(reader)
                writer.write(b"250 kept\r\n")
            elif verb == "RCPT" and self.refuses:
                writer.write(b"550 nobody of that name\r\n")
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 well\r\n")
        writer.close()

    async def _data(self, reader: asyncio.StreamReader) -> None:
        stuffed = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
        body = stuffed.replace(b"\r\n..", b"\r\n.")
        self.mails.append(message_from_bytes(body, policy=policy.default))


@asynccontextmanager
async def mail_server(
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
    offers_tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[MailServer]:
    """``tls``: from the first byte; ``offers_tls``: begun when the client asks."""
    it = MailServer(offers_tls=offers_tls)
    server = await asyncio.start_server(it.serve, host, 0, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it
