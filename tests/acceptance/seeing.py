"""A house whose model sees: tiny random weights of Mistral Small 3.1's shape, with their projector."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai

from tests.acceptance.engine_house import sdk_of
from tests.engine.eyes import noise, write_pixtral
from tests.engine.tiny import Shape, write_gguf, write_tekken
from tests.support.house import Running, serving
from tokenhouse.engine import Pulled, write_pulled

SEER = "tiny/seer"
BLIND = "tiny/blind"
UNREADY = "tiny/unready"
CONTEXT = 16_384

ROWS = """
[catalogue]
shipped = false

[engine]
weights_dir = "{weights}"

[providers.local]
kind = "engine"
slots = 4
threads = 1
cache = "16MiB"

[[models]]
id = "tiny/seer"
context_length = 16384
input_modalities = ["text", "image"]
capabilities = ["tools", "json", "streaming"]
tokenizer = "tekken.json"
weights = "seer.gguf"
image_tokens = 3080
price = {{ input = "0.35", output = "0.56", image = "0.001" }}
routes = [ {{ provider = "local" }} ]

[[models]]
id = "tiny/blind"
context_length = 4096
tokenizer = "tekken.json"
weights = "seer.gguf"
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "local" }} ]

[[models]]
id = "tiny/unready"
context_length = 4096
input_modalities = ["text", "image"]
tokenizer = "tekken.json"
weights = "unready.gguf"
price = {{ input = "0.35", output = "0.56" }}
routes = [ {{ provider = "local" }} ]

[plans.free]
monthly_grant = "0.00"
"""


def write_seer(directory: Path, vocabulary: int = 8192) -> Path:
    """Weights, tokenizer and projector, recorded as `tokenhouse pull` records them; the directory."""
    directory.mkdir(exist_ok=True)
    shape = Shape()
    write_tekken(directory / "tekken.json", vocabulary)
    write_gguf(directory / "seer.gguf", vocabulary, shape)
    write_gguf(directory / "unready.gguf", vocabulary, shape)
    write_pixtral(directory / "mmproj-seer.gguf", into=shape.width)
    write_pulled(
        directory,
        Pulled(
            file="seer.gguf",
            bytes=(directory / "seer.gguf").stat().st_size,
            sha256="0" * 64,
            source="a test",
            model=SEER,
            projector="mmproj-seer.gguf",
        ),
    )
    return directory


@asynccontextmanager
async def seeing_house(
    data_dir: Path, weights: Path, extra: str = ""
) -> AsyncGenerator[tuple[Running, openai.AsyncOpenAI]]:
    """The house and an SDK client of it. ``weights`` was made by ``write_seer``."""
    async with serving(data_dir, ROWS.format(weights=weights) + extra) as running:
        async with sdk_of(running) as sdk:
            yield running, sdk


def anthropic_of(running: Running) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=running.url, api_key=running.key, max_retries=0, timeout=60
    )


def image_bytes(width: int, height: int, kind: str = "PNG", mode: str = "RGB") -> bytes:
    """An image of noise that is the same each time."""
    out = io.BytesIO()
    noise(width, height).convert(mode).save(out, kind)
    return out.getvalue()


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def shown(*parts: str | bytes) -> list[dict[str, Any]]:
    """A user's message of OpenAI's: texts and images, as they stand."""
    content: list[dict[str, Any]] = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": data_url(part), "detail": "auto"}}
        for part in parts
    ]
    return [{"role": "user", "content": content}]


def blocks(*parts: str | bytes) -> list[dict[str, Any]]:
    """The same in Anthropic's words."""
    content: list[dict[str, Any]] = [
        {"type": "text", "text": part} if isinstance(part, str) else image_block(part)
        for part in parts
    ]
    return [{"role": "user", "content": content}]


def image_block(data: bytes) -> dict[str, Any]:
    source = {
        "type": "base64",
        "media_type": "image/png",
        "data": base64.b64encode(data).decode(),
    }
    return {"type": "image", "source": source}
