"""The prompt of a request to the engine: ids that are counted and billed, and what the engine is sent.

Without images the two are the same. With them the engine takes text only (see the engine's
``image_prompt``), which it splits into tokens by itself: what is billed stays the house's own count,
and room is kept for the larger of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tokenhouse.chat import Conversation, ImagePart, Part, Request, ResultPart
from tokenhouse.engine import (
    PROPS_PATH,
    TOKENIZE_PATH,
    ImagePrompt,
    Picture,
    Speller,
    Turn,
    read_marker,
    read_tokens,
    tokenize_body,
)
from tokenhouse.errors import CallerError
from tokenhouse.providers.base import Call
from tokenhouse.providers.engine_prompts import TEXT_ONLY, EngineModel, ask
from tokenhouse.providers.engine_words import engine_conversation
from tokenhouse.providers.images import BadImage
from tokenhouse.transport import Client
from tokenhouse.wire import image_field

Pieces = list[int | str]


@dataclass(frozen=True, slots=True)
class Prompt:
    """``ids`` are what is counted and billed. ``pieces`` and ``pictures``: of a prompt with images."""

    ids: list[int]
    pieces: Pieces = field(default_factory=Pieces)
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """What one process of the engine is asked: ``billed`` by the house's count, ``taken`` in the
    engine's own tokens, for which there must be room."""

    prompt: Sequence[int] | ImagePrompt
    billed: int
    taken: int


def check_images(request: Request, model: EngineModel | None) -> None:
    """CallerError for images that this model won't read, before any money moves."""
    images = TEXT_ONLY if model is None else model.images
    if isinstance(images, str):
        why = images
    elif request.sizes.images > images.settings.max_per_request:
        most = images.settings.max_per_request
        why = f"A request may hold {most} images at most; this one holds {request.sizes.images}."
    else:
        return
    where = image_field(request.dialect, request.body)
    raise CallerError(why, param=where, code="unsupported_content")


async def prompt_of(model: EngineModel, call: Call, client: Client, load_wait_s: float) -> Prompt:
    """The prompt of ``call``, its images read. Raises CallerError naming the field, EngineError and
    UpstreamError."""
    conversation = call.request.conversation()
    if not call.request.sizes.images or model.encoder is None or isinstance(model.images, str):
        told = engine_conversation(conversation, call.system_prompt)
        return Prompt(await model.ids(told, client, load_wait_s))
    try:
        pictures = await model.images.pictures(list(_image_urls(conversation)), call.request_id)
    except BadImage as bad:
        where = image_field(call.request.dialect, call.request.body, bad.url)
        why = str(bad.error).rstrip(".")
        raise CallerError(f"{where}: the image {why}.", param=where, code="invalid_image") from bad
    told = engine_conversation(conversation, call.system_prompt, pictures)
    pieces = model.form.pieces(told)
    return Prompt(await model.encoder.encode(pieces), pieces, _pictures(told.turns))


async def sent_of(model: EngineModel, prompt: Prompt, client: Client) -> Sent:
    """The prompt for the process that runs now, which must be ready.

    Raises UpstreamError, and EngineError: EngineFault where the engine would read control tokens
    that the house did not write.
    """
    if not prompt.pictures or model.encoder is None:
        return Sent(prompt.ids, len(prompt.ids), len(prompt.ids))
    marker = read_marker(await ask(model.engine, client, PROPS_PATH))
    speller = Speller(model.encoder.tekken, marker)
    spelt = speller.prompt(speller.texts(prompt.pieces), prompt.pictures)
    found = await ask(model.engine, client, TOKENIZE_PATH, tokenize_body(spelt.text, marker))
    taken = speller.tokens(prompt.pieces, read_tokens(found), prompt.pictures)
    return Sent(spelt, len(prompt.ids), taken)


def _image_urls(conversation: Conversation) -> Iterator[str]:
    for message in conversation.messages:
        for part in message.parts:
            yield from _urls_of(part)


def _urls_of(part: Part) -> Iterator[str]:
    if isinstance(part, ImagePart):
        yield part.url
    elif isinstance(part, ResultPart):
        for inner in part.parts:
            yield from _urls_of(inner)


def _pictures(turns: Sequence[Turn]) -> tuple[Picture, ...]:
    """In the order of the prompt, which is that of the turns."""
    return tuple(picture for turn in turns for picture in turn.pictures)
