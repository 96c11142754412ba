"""A model of this house, and how its prompts become token ids: in its format, or by its own template."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from tokenhouse.engine import (
    PATH,
    TEMPLATE_PATH,
    TOKENIZE_PATH,
    V7,
    Completion,
    Encoder,
    Engine,
    Format,
    Logprob,
    OwnTemplate,
    Piece,
    RequestRefused,
    Tekken,
    completion_body,
    read_chunk,
    read_error,
    read_prompt,
    read_tokens,
    template_body,
    tokenize_body,
)
from tokenhouse.engine import Conversation as EngineConversation
from tokenhouse.providers.failures import transport_failure
from tokenhouse.providers.images import Images
from tokenhouse.transport import Client, HeaderBlock, Origin, TransportError, header_block
from tokenhouse.wire import sse

TEXT_ONLY: Final = "This model takes text only; leave the images out."


@dataclass(frozen=True, slots=True)
class EngineModel:
    """The process that runs it, and either the encoder of its tokenizer and the format of its prompts,
    or (of another family) what its weights say of their own chat template. ``images``: what reads
    images for it, or why it reads none."""

    engine: Engine
    encoder: Encoder | None
    form: Format = V7
    own: OwnTemplate | None = None
    images: Images | str = TEXT_ONLY

    @property
    def tekken(self) -> Tekken | None:
        """Its tokenizer, where that is Mistral's."""
        return None if self.encoder is None else self.encoder.tekken

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        if self.encoder is not None:
            return self.encoder.tekken.n_vocab
        return 0 if self.own is None else self.own.vocabulary

    async def ids(
        self, conversation: EngineConversation, client: Client, load_s: float
    ) -> list[int]:
        """The prompt. Raises EngineError and UpstreamError; a model that is asked for its own template
        is loaded first, for ``load_s`` seconds at most."""
        if self.encoder is not None:
            return await self.encoder.encode(self.form.pieces(conversation))
        use = await self.engine.use(load_s)
        try:
            return await self._by_template(conversation, client)
        finally:
            use.end()

    async def aclose(self) -> None:
        await self.engine.stop()
        if self.encoder is not None:
            await self.encoder.close()
        if not isinstance(self.images, str):
            await self.images.aclose()

    async def _by_template(self, conversation: EngineConversation, client: Client) -> list[int]:
        assert self.own is not None
        mark = "x" + secrets.token_hex(16)
        try:
            body = template_body(conversation, self.own, mark)
            rendered = await ask(self.engine, client, TEMPLATE_PATH, body)
        except RequestRefused:
            if not any(turn.role == "system" for turn in conversation.turns):
                raise
            body = template_body(conversation, self.own, mark, fold_system=True)
            rendered = await ask(self.engine, client, TEMPLATE_PATH, body)
        asked = tokenize_body(read_prompt(rendered), mark)
        return read_tokens(await ask(self.engine, client, TOKENIZE_PATH, asked))


async def likeliest(asked: Completion, client: Client, engine: Engine) -> tuple[Logprob, ...]:
    """The likeliest first tokens of a completion. Raises EngineError and UpstreamError."""
    frames = sse.Reader()
    told = await ask(engine, client, PATH, completion_body(asked))
    for _, payload in frames.feed(told):
        chunk = read_chunk(payload)
        if isinstance(chunk, Piece) and chunk.logprobs:
            return chunk.logprobs[0].top
    return ()


async def ask(engine: Engine, client: Client, path: str, body: bytes | None = None) -> bytes:
    """What the engine's process answers to a short question (POST with a body, else GET). Raises
    EngineError and UpstreamError."""
    method = b"GET" if body is None else b"POST"
    try:
        answer = await client.send(
            origin_of(engine), method, path.encode(), headers=headers_of(engine), body=body or b""
        )
        try:
            told = await answer.read_all()
        finally:
            await answer.aclose()
    except TransportError as error:
        raise transport_failure(error, engine.spec.name) from error
    if answer.status != 200:
        raise read_error(answer.status, told)
    return told


def origin_of(engine: Engine) -> Origin:
    """Where the engine listens. Raises EngineDown while it is not loaded."""
    return Origin("http", "engine", 80, socket_path=engine.socket_path)


def headers_of(engine: Engine) -> HeaderBlock:
    """What every request to the engine carries."""
    return header_block(
        [
            (b"authorization", b"Bearer " + engine.api_key.encode()),
            (b"content-type", b"application/json"),
        ]
    )
