"""Dialects: bytes ⇄ chat, sans-I/O. One module per protocol; they meet in ``chat`` alone.

Knows how each protocol writes requests, answers, streams, usage and errors. Refuses to know sockets,
HTTP servers, prices, accounts and where a model runs.
"""

from tokenhouse.wire import anthropic_messages, openai_chat, openai_completions, sse
from tokenhouse.wire.asked import NOTHING_ASKED, Asked, asked_of
from tokenhouse.wire.body import body_key, raw_fields, wrong_field
from tokenhouse.wire.body import decode as decode_body
from tokenhouse.wire.errors import error_body, retry_after_seconds
from tokenhouse.wire.image_fields import image_field
from tokenhouse.wire.reading import StreamReader
from tokenhouse.wire.tool_ids import ANTHROPIC_NAME_MOST, OPENAI_NAME_MOST, safe_name

__all__ = [
    "ANTHROPIC_NAME_MOST",
    "Asked",
    "NOTHING_ASKED",
    "OPENAI_NAME_MOST",
    "StreamReader",
    "anthropic_messages",
    "asked_of",
    "body_key",
    "decode_body",
    "error_body",
    "image_field",
    "openai_chat",
    "openai_completions",
    "raw_fields",
    "retry_after_seconds",
    "safe_name",
    "sse",
    "wrong_field",
]
