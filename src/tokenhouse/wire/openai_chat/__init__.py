"""OpenAI's chat completions, on both sides: clients that speak it and providers that speak it.

Knows the bytes of requests, answers, streams and errors of this one protocol. Refuses to know any
other dialect, the network, who pays and which provider is behind an answer.
"""

from tokenhouse.wire.openai_chat.carried import left_out
from tokenhouse.wire.openai_chat.encode import StreamEncoder, WholeEncoder
from tokenhouse.wire.openai_chat.errors import in_band_error, upstream_error
from tokenhouse.wire.openai_chat.priced import PRICED, priced_words
from tokenhouse.wire.openai_chat.quirks import PLAIN, Quirks, Target
from tokenhouse.wire.openai_chat.request import ChatRequest, parse
from tokenhouse.wire.openai_chat.schema_places import schema_refused
from tokenhouse.wire.openai_chat.shapes import ChatBody
from tokenhouse.wire.openai_chat.stream import PassingReader, TranslatingReader
from tokenhouse.wire.openai_chat.upstream import (
    build_upstream_body,
    read_count,
    tokenize_body,
    upstream_body,
)
from tokenhouse.wire.openai_chat.whole import pass_whole, translate_whole

__all__ = [
    "ChatBody",
    "ChatRequest",
    "PLAIN",
    "PRICED",
    "PassingReader",
    "Quirks",
    "StreamEncoder",
    "Target",
    "TranslatingReader",
    "WholeEncoder",
    "build_upstream_body",
    "in_band_error",
    "left_out",
    "parse",
    "pass_whole",
    "priced_words",
    "read_count",
    "schema_refused",
    "tokenize_body",
    "translate_whole",
    "upstream_body",
    "upstream_error",
]
