"""Serving: the process around a house. Logs, signals, the first run, the words that it prints."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tokenhouse import money
from tokenhouse.access import Offered
from tokenhouse.api import ServerSettings, listen, uvicorn_server
from tokenhouse.app import House, build
from tokenhouse.app_providers import ENGINE_COMMAND
from tokenhouse.config import Config
from tokenhouse.errors import HouseError

log = logging.getLogger("tokenhouse")

FIRST_ACCOUNT = "you"


def run(config: Config, *, reload: Callable[[], Config] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; the exit code. ``reload`` reads the settings again (SIGHUP).

    Prints where it serves, and on the first run the new account's key with a line to try it.
    HouseError when it can't listen or open its books.
    """
    set_up_logging(config.server.log_format)
    settings = ServerSettings(
        host=config.server.host,
        port=config.server.port,
        header_timeout_s=config.server.header_timeout_s,
        header_bytes_max=config.server.max_header,
        shutdown_grace_s=round(config.server.shutdown_grace_s),
        trusted_proxies=config.server.trusted_proxies,
    )
    try:
        bound = listen(settings)
    except OSError as error:
        raise HouseError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror}. "
            "Choose another address with --host and --port.",
            code="cannot_listen",
        ) from None
    with bound:
        config = _with_port(config, bound.getsockname()[1])
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_Serving(build(config), reload).run(settings, bound))


def _with_port(config: Config, port: int) -> Config:
    """With port 0 the system chose one: it belongs into the public URL."""
    server = config.server
    if server.port != 0:
        return config
    url = f"{server.public_url.removesuffix(':0')}:{port}"
    return replace(config, server=replace(server, port=port, public_url=url))


class _Serving:
    def __init__(self, house: House, reload: Callable[[], Config] | None) -> None:
        self._house = house
        house.read_again = reload

    async def run(self, settings: ServerSettings, bound: socket.socket) -> int:
        server = uvicorn_server(
            self._house,
            settings,
            started=self._announce,
            stopping=self._house.relay.refuse_waiting,
        )
        if self._house.read_again is not None and hasattr(signal, "SIGHUP"):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, self._house.operating.ask_reload)
        quiet = logging.getLogger("uvicorn.error")
        quiet.setLevel(logging.CRITICAL)  # why it can't start is said once, by whoever called
        with contextlib.suppress(SystemExit):
            await server.serve(sockets=[bound])
        if self._house.failure is not None:
            raise self._house.failure
        return 0

    async def _announce(self) -> None:
        """It listens: say so, and on the first run hand out the key."""
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        # What stands now stays: the collector need not walk it again and again while requests run.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 50)
        house = self._house
        url = house.config.server.public_url
        _say(f"Tokenhouse is serving at {url}")
        if house.providing.engine_missing:
            _say(f"The engine is not installed; models that run here are hidden: {ENGINE_COMMAND}")
        first = await first_key(house)
        if first is not None:
            code = house.sign_in_codes.offer(first.key, first.person)
            _say(welcome(house, url, first.key, code))


def _say(text: str) -> None:
    """To stdout, at once: somebody may be reading it through a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def first_key(house: House) -> Offered | None:
    """On a house without accounts: make one on the default plan, a key, and an operator who owns it.
    → the key's secret and the operator's id"""
    if await house.billing.accounts():
        return None
    plan = house.catalogue.default_plan
    account = await house.billing.create_account(FIRST_ACCOUNT, "" if plan is None else plan.name)
    made = await house.billing.create_key(account.id, "first key")
    operator = await house.people.first_operator(account.id)
    return Offered(made.secret, None if operator is None else operator.id)


def welcome(house: House, url: str, secret: str, code: str) -> str:
    """What the first run prints: the playground signed in, the key, a line that pastes as it stands."""
    plan = house.catalogue.default_plan
    granted = "" if plan is None else f", ${money.usd(plan.monthly_grant)} granted each month"
    name = "" if plan is None else f" (plan {plan.name}{granted})"
    model = house.relay.default_model() or "tokenhouse/starter"
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": "What is Tokenhouse?"}]}
    )
    return "\n".join(
        (
            "",
            f"An account was made for you: {FIRST_ACCOUNT}{name}.",
            "Talk to it in the browser (signs you in once, for 15 minutes):",
            "",
            f"  {url}/playground#code={code}",
            "",
            "Then say who you are, to sign in later and to operate this house:",
            "",
            f"  {url}/profile",
            "",
            "Its key, shown this once:",
            "",
            f"  {secret}",
            "",
            "Ask something:",
            "",
            f"  curl {url}/v1/chat/completions \\",
            f"    -H {shlex.quote('Authorization: Bearer ' + secret)} \\",
            "    -H 'Content-Type: application/json' \\",
            f"    -d {shlex.quote(body)}",
            "",
        )
    )


def set_up_logging(form: str) -> None:
    """Log to stderr as text or as one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == "json" else logging.Formatter(_TEXT))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("uvicorn.access").disabled = True


_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _JsonLines(logging.Formatter):
    """``{"time", "level", "logger", "message"}`` and whatever ``extra`` carries as ``fields``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = getattr(record, "request_id", None)
        if request_id is not None:
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
