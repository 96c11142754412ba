"""Mail: handed to a server over a real socket, with and without TLS; printed; never bent."""

from __future__ import annotations

import ssl

import pytest
import trustme

from tests.support.smtp import mail_server
from tokenhouse.access import ConsoleMail, Mail, MailError, SmtpMail

MAIL = Mail(
    "ada@example.org", "Grüße", "Öffne\n\nhttps://house.example/verify?code=thc_x\n.\nEnde\n"
)
SENDER = "The House <no-reply@house.example>"


def certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """→ (the server's, the client's)"""
    authority = trustme.CA()
    server, client = (
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        ssl.create_default_context(),
    )
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with mail_server() as server:
        await SmtpMail(f"smtp://localhost:{server.port}", sender=SENDER).send(MAIL)
    (mail,) = server.mails
    assert (mail["from"], mail["to"], mail["subject"]) == (SENDER, MAIL.to, MAIL.subject)
    assert mail.get_content().replace("\r\n", "\n") == MAIL.text
    assert mail.get_content_type() == "text/plain"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["message-id"].endswith("@house.example>")
    assert server.signed_in == []
    assert server.said[1].startswith("mail FROM:<no-reply@house.example>")


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
async def test_a_password_goes_through_tls(scheme: str) -> None:
    server_side, client_side = certificates()
    secure = scheme == "smtps"
    async with mail_server(
        tls=server_side if secure else None, offers_tls=None if secure else server_side
    ) as server:
        mailer = SmtpMail(
            f"{scheme}://localhost:{server.port}",
            sender=SENDER,
            user="house",
            password=lambda: "secret",
            context=client_side,
        )
        await mailer.send(MAIL)
    assert server.signed_in == ["\0house\0secret"]
    assert len(server.mails) == 1
    assert ("STARTTLS" in server.said) is (scheme == "smtp")


async def test_a_certificate_that_nobody_vouches_for_gets_nothing() -> None:
    server_side, _ = certificates()
    async with mail_server(offers_tls=server_side) as server:
        mailer = SmtpMail(
            f"smtp://localhost:{server.port}",
            sender=SENDER,
            user="house",
            password=lambda: "secret",
        )
        with pytest.raises(MailError, match="SSLCertVerificationError"):
            await mailer.send(MAIL)
    assert (server.mails, server.signed_in) == ([], [])


async def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    # on this machine too, but not by a name that says so
    async with mail_server(host="127.0.0.2") as server:
        mailer = SmtpMail(
            f"smtp://127.0.0.2:{server.port}",
            sender=SENDER,
            user="house",
            password=lambda: "secret",
        )
        with pytest.raises(MailError, match="SMTPNotSupportedError"):
            await mailer.send(MAIL)
    assert (server.mails, server.signed_in) == ([], [])


async def test_who_is_refused_and_who_can_t_be_reached_is_told_without_what_was_said() -> None:
    async with mail_server() as server:
        server.refuses = True
        mailer = SmtpMail(f"smtp://localhost:{server.port}", sender=SENDER)
        with pytest.raises(MailError, match="SMTPRecipientsRefused") as refused:
            await mailer.send(MAIL)
    assert "thc_x" not in str(refused.value)
    with pytest.raises(MailError, match="Refused"):
        await mailer.send(MAIL)


@pytest.mark.parametrize(
    "mail",
    [
        Mail("ada@example.org\r\nBcc: eve@example.org", "hello", "text"),
        Mail("ada@example.org", "hello\r\nBcc: eve@example.org", "text"),
        Mail("ada@example.org", "hello\nBcc: eve@example.org", "text"),
    ],
)
async def test_no_header_is_smuggled_in(mail: Mail) -> None:
    async with mail_server() as server:
        with pytest.raises(MailError, match="is none"):
            await SmtpMail(f"smtp://localhost:{server.port}", sender=SENDER).send(mail)
    assert server.mails == []


async def test_a_house_without_a_mail_server_prints_its_mails() -> None:
    printed: list[str] = []
    await ConsoleMail(printed.append).send(MAIL)
    assert "Mail to ada@example.org: Grüße" in printed[0]
    assert "\n  https://house.example/verify?code=thc_x\n" in printed[0]
    assert "thc_x" not in repr(MAIL)
