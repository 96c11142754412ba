"""Mail: what is sent, and the ways it goes. Plain text, one person a mail."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

if TYPE_CHECKING:  # imported with the first mail, not with the house
    import smtplib
    import ssl
    from email.message import EmailMessage

TIMEOUT_S: Final = 30.0
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail; its text may carry a code, so that no repr shows it."""

    to: str
    subject: str
    text: str = field(repr=False)


class MailError(Exception):
    """A mail could not be handed over; the message says why, and nothing of what it said."""


class Mailer(Protocol):
    """A way for mail to go."""

    async def send(self, mail: Mail) -> None:
        """Hand it over; MailError when that can't be done."""
        ...


class ConsoleMail:
    """Prints every mail where the house runs: for trying out, and for houses without mail."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        self._write = write

    async def send(self, mail: Mail) -> None:
        lines = "".join(f"  {line}".rstrip() + "\n" for line in mail.text.splitlines())
        text = f"\nMail to {mail.to}: {mail.subject}\n\n{lines}\n"
        try:
            if self._write is not None:
                self._write(text)
                return
            sys.stdout.write(text)
            sys.stdout.flush()
        except (OSError, ValueError) as error:  # nobody reads the terminal any more
            raise MailError(f"it can't be printed: {type(error).__name__}") from error


class SmtpMail:
    """Hands mail to a server, one connection a mail, in a worker thread.

    ``smtps://host[:465]`` is TLS from the start; ``smtp://host[:587]`` begins TLS where it is offered,
    and must before a password is sent to another machine. Certificates are verified.
    """

    def __init__(
        self,
        url: str,
        *,
        sender: str,
        user: str = "",
        password: Callable[[], str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._secure else 587)
        self._sender = sender
        self._user = user
        self._password = password
        self._context = context

    async def send(self, mail: Mail) -> None:
        await asyncio.to_thread(self._send, mail)

    def _message(self, mail: Mail) -> EmailMessage:
        from email.message import EmailMessage
        from email.policy import SMTP
        from email.utils import formatdate, make_msgid

        message = EmailMessage(policy=SMTP)
        try:
            message["From"] = self._sender
            message["To"] = mail.to
            message["Subject"] = mail.subject
        except ValueError as error:  # a line break in a header
            raise MailError("an address or a subject is none") from error
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2].rstrip(">"))
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message

    def _send(self, mail: Mail) -> None:
        import smtplib

        message = self._message(mail)
        try:
            with self._connected() as server:
                if self._user and self._password is not None:
                    server.login(self._user, self._password())
                server.send_message(message)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise MailError(f"{self._host}:{self._port}: {type(error).__name__}") from error

    def _connected(self) -> smtplib.SMTP:
        import smtplib
        import ssl

        context = ssl.create_default_context() if self._context is None else self._context
        if self._secure:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_S, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        try:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif self._user and self._host not in _LOCAL:
                raise smtplib.SMTPNotSupportedError("the server offers no TLS for the password")
        except BaseException:
            server.close()
            raise
        return server
