"""A house behind the nginx settings that deploy/ ships, with TLS, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trustme

from tests.acceptance.asking import HELLO
from tests.parts import nginx
from tests.source import ROOT
from tests.support import answers, replies
from tests.support.house import Running, upstream_house

NAME = "api.example.org"
TRUSTING = '[server]\ntrusted_proxies = ["127.0.0.1"]\nfailed_keys_per_minute = 3\n'


async def test_a_streams_pieces_come_through_as_they_are_said(tmp_path: Path) -> None:
    async with upstream_house(tmp_path / "house", TRUSTING) as (running, up):
        more = asyncio.Event()
        up.script(replies.stream([answers.role(), answers.text("one"), more, answers.end()]))
        async with _behind(running, tmp_path) as proxy, proxy.client() as client:
            body = {**HELLO, "stream": True}
            async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                assert answer.status_code == 200
                lines = answer.aiter_lines()
                async for line in lines:
                    if '"one"' in line:
                        break
                more.set()
                rest = [line async for line in lines]
            assert "data: [DONE]" in rest
        await running.clean()


async def test_a_client_that_leaves_the_proxy_is_seen_to_leave(tmp_path: Path) -> None:
    async with upstream_house(tmp_path / "house", TRUSTING) as (running, up):
        up.script(replies.stall_in_body([answers.role(), answers.text("one")]))
        async with _behind(running, tmp_path) as proxy, proxy.client() as client:
            body = {**HELLO, "stream": True}
            async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                async for line in answer.aiter_lines():
                    if '"one"' in line:
                        break
        await running.until_no_hold()
        (receipt,) = await running.house.billing.receipts(running.account.id)
        assert receipt.outcome == "cancelled"
        assert receipt.cost > 0


async def test_one_address_that_tries_wrong_keys_shuts_out_nobody_else(tmp_path: Path) -> None:
    async with upstream_house(tmp_path / "house", TRUSTING) as (running, _):
        async with _behind(running, tmp_path) as proxy:
            wrong = {"authorization": "Bearer sk-wrong"}
            async with proxy.client("127.0.0.2", wrong) as client:
                # what a client says of itself is replaced by the proxy
                said = [{}, {"x-forwarded-for": "9.9.9.9"}, {}, {"x-forwarded-for": "127.0.0.3"}]
                codes = [
                    (await client.get("/api/v1/key", headers=more)).status_code for more in said
                ]
                assert codes == [401, 401, 401, 429]
            async with proxy.client("127.0.0.3") as client:
                assert (await client.get("/api/v1/key")).status_code == 200


async def test_a_header_that_no_trusted_proxy_said_is_not_believed(tmp_path: Path) -> None:
    elsewhere = TRUSTING.replace("127.0.0.1", "10.1.2.3")
    async with upstream_house(tmp_path / "house", elsewhere) as (running, _):
        wrong = {"authorization": "Bearer sk-wrong"}
        async with httpx.AsyncClient(base_url=running.url, headers=wrong) as client:
            codes: list[int] = []
            for at in range(4):
                forwarded = {"x-forwarded-for": f"9.9.9.{at}"}
                codes.append((await client.get("/api/v1/key", headers=forwarded)).status_code)
            assert codes == [401, 401, 401, 429]


async def test_a_body_that_is_too_large_is_refused_in_the_clients_dialect(tmp_path: Path) -> None:
    async with upstream_house(tmp_path / "house", TRUSTING) as (running, _):
        async with _behind(running, tmp_path) as proxy, proxy.client() as client:
            large = json.dumps({**HELLO, "user": "x" * 32_000_001})
            answer = await client.post("/v1/chat/completions", content=large)
            assert answer.status_code == 413
            assert answer.json()["error"]["type"] == "invalid_request_error"
        await running.clean()


class _Proxy:
    def __init__(self, running: Running, port: int, trust: ssl.SSLContext) -> None:
        self._running, self._port, self._trust = running, port, trust

    def client(
        self, address: str = "127.0.0.1", headers: dict[str, str] | None = None
    ) -> httpx.AsyncClient:
        """A client at ``address`` with the house's first key, unless ``headers`` say otherwise."""
        return httpx.AsyncClient(
            base_url=f"https://localhost:{self._port}",
            headers=headers or {"authorization": f"Bearer {self._running.key}"},
            transport=httpx.AsyncHTTPTransport(local_address=address, verify=self._trust),
            timeout=60,
        )


@asynccontextmanager
async def _behind(running: Running, place: Path) -> AsyncGenerator[_Proxy]:
    """nginx with the shipped settings, but for names, ports and certificates."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", NAME)
    certificate, key = place / "certificate.pem", place / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    shipped = (ROOT / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("server 127.0.0.1:8080", f"server 127.0.0.1:{running.port}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        (f"/etc/ssl/{NAME}.pem", str(certificate)),
        (f"/etc/ssl/{NAME}.key", str(key)),
    ):
        assert old in shipped
        shipped = shipped.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {place}/{kind};\n" for kind in kinds)
    settings = place / "nginx.conf"
    settings.write_text(
        f"daemon off;\nmaster_process off;\npid {place}/nginx.pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{shipped}\n}}\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(nginx(), "-p", str(place), "-e", "stderr", "-c", str(settings)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        await _listens(process, port)
        trust = ssl.create_default_context()
        authority.configure_trust(trust)
        yield _Proxy(running, port, trust)
    finally:
        process.terminate()
        await process.communicate()


async def _listens(process: asyncio.subprocess.Process, port: int) -> None:
    """Until something takes connections there; AssertionError with its last words when it ended."""
    async with asyncio.timeout(30):
        while True:
            if process.returncode is not None:
                raise AssertionError((await process.communicate())[1].decode())
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
