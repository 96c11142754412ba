"""Anthropic's Messages, on both sides: clients that speak it and providers that speak it.

Knows the bytes of requests, answers, streams and errors of this one protocol. Refuses to know any
other dialect, the network, who pays and which provider is behind an answer.
"""

from tokenhouse.wire.anthropic_messages.build import build_count_body, build_upstream_body
from tokenhouse.wire.anthropic_messages.carried import left_out
from tokenhouse.wire.anthropic_messages.count_tokens import read_count
from tokenhouse.wire.anthropic_messages.encode import PING, StreamEncoder, WholeEncoder
from tokenhouse.wire.anthropic_messages.errors import (
    THINKING_SIGNATURE,
    error_body,
    error_status,
    in_band_error,
    upstream_error,
)
from tokenhouse.wire.anthropic_messages.priced import PRICED, PRICED_BETAS, priced_words
from tokenhouse.wire.anthropic_messages.request import MessagesRequest, parse, parse_count
from tokenhouse.wire.anthropic_messages.schema_places import schema_refused
from tokenhouse.wire.anthropic_messages.shapes import MessagesBody
from tokenhouse.wire.anthropic_messages.stream import (
    PassingReader,
    TranslatingReader,
)
from tokenhouse.wire.anthropic_messages.turns import reminded
from tokenhouse.wire.anthropic_messages.upstream import upstream_body, upstream_count_body
from tokenhouse.wire.anthropic_messages.versions import (
    FIRST_VERSION,
    NEWER_VERSION,
    check_version,
    upstream_version,
)
from tokenhouse.wire.anthropic_messages.whole import pass_whole, translate_whole

__all__ = [
    "FIRST_VERSION",
    "MessagesBody",
    "MessagesRequest",
    "NEWER_VERSION",
    "PING",
    "PRICED",
    "PRICED_BETAS",
    "PassingReader",
    "StreamEncoder",
    "THINKING_SIGNATURE",
    "TranslatingReader",
    "WholeEncoder",
    "build_count_body",
    "build_upstream_body",
    "check_version",
    "error_body",
    "error_status",
    "in_band_error",
    "left_out",
    "parse",
    "parse_count",
    "pass_whole",
    "priced_words",
    "read_count",
    "reminded",
    "schema_refused",
    "translate_whole",
    "upstream_body",
    "upstream_count_body",
    "upstream_error",
    "upstream_version",
]
