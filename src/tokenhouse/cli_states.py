"""What the running server of these settings says of its models; nothing where none runs."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import urlsplit

from tokenhouse.cli_chat import local_url
from tokenhouse.cli_open import store_path
from tokenhouse.config import Config

ASK_S: Final = 2.0


def states(config: Config) -> Mapping[str, str] | None:
    """Model → "loaded", "loading", "on disk", "elsewhere", or why it can't answer; empty where a server
    runs in this data directory and can't be asked at the address of these settings. None: none runs."""
    from tokenhouse.store import served_by

    if not config.store.url.startswith("sqlite:///"):
        return None
    pid = served_by(store_path(config).resolve().parent)
    if pid is None:
        return None
    told = _asked(urlsplit(local_url(config)).netloc)
    found = told.get("models")
    if told.get("pid") != pid or not isinstance(found, dict):
        return {}  # it listens elsewhere, and somebody else's server may have that port
    return {str(name): str(state) for name, state in cast("dict[object, object]", found).items()}


def _asked(netloc: str) -> Mapping[str, object]:
    connection = http.client.HTTPConnection(netloc, timeout=ASK_S)
    try:
        connection.request("GET", "/ready")
        told: object = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return cast("Mapping[str, object]", told) if isinstance(told, dict) else {}
