"""The APIs that are known by name: a row each. What is not here is taken at OpenAI's word.

A row is data: the usual address, whether a key is asked for, and the quirks that a request is adapted
to. Facts are from each service's own reference (OpenAI compatibility pages of Groq, Ollama, LM Studio and
DeepSeek; Mistral's API, which answers 422 ``extra_forbidden`` to fields it does not know; vLLM's and
SGLang's OpenAI servers; llama.cpp's server README), read in November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from tokenhouse.wire import openai_chat

Counting = Literal["", "tokenize", "input_tokens"]
"""How a service counts a prompt before it is asked: vLLM's ``/tokenize``, llama.cpp's
``/v1/chat/completions/input_tokens``, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """``base_url`` is the usual address; a local server's is that of its default port. ``abilities``:
    what some model of it can do; a model's own row says what that model can."""

    name: str
    title: str
    base_url: str
    kind: Literal["openai", "anthropic"] = "openai"
    key: bool = True
    abilities: tuple[str, ...] = ("tools", "json", "image")
    quirks: openai_chat.Quirks = openai_chat.PLAIN
    counting: Counting = ""
    priced_words: tuple[str, ...] = ()
    note: str = ""


UNKNOWN: Final = Service(name="", title="another API of OpenAI's shape", base_url="")

_NOT_OPENAIS: Final = ("top_k", "min_p", "repetition_penalty")

SERVICES: Final[tuple[Service, ...]] = (
    Service(
        name="anthropic",
        title="Anthropic",
        kind="anthropic",
        base_url="https://api.anthropic.com",
    ),
    Service(
        name="deepseek",
        title="DeepSeek",
        base_url="https://api.deepseek.com/v1",
        abilities=("tools", "json", "logprobs"),
        quirks=openai_chat.Quirks(
            limit="max_tokens",
            refused=("logit_bias", *_NOT_OPENAIS),
            one_choice=True,
        ),
        note="Cached input is told in `prompt_tokens_details`: give the model's price a `cache_read`.",
    ),
    Service(
        name="groq",
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        quirks=openai_chat.Quirks(
            refused=("logit_bias", "logprobs", "top_logprobs", *_NOT_OPENAIS),
            one_choice=True,
        ),
        note="A temperature of 0 is taken as 1e-8; `name` in a message is refused by it.",
    ),
    Service(
        name="llama.cpp",
        title="llama.cpp's llama-server",
        base_url="http://127.0.0.1:8080/v1",
        key=False,
        abilities=("tools", "json", "image", "logprobs"),
        quirks=openai_chat.Quirks(one_choice=True),
        counting="input_tokens",
        note="Its usage counts one choice of several, so several are refused.",
    ),
    Service(
        name="lmstudio",
        title="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        key=False,
        quirks=openai_chat.Quirks(limit="max_tokens", one_choice=True),
    ),
    Service(
        name="mistral",
        title="Mistral AI",
        base_url="https://api.mistral.ai/v1",
        quirks=openai_chat.Quirks(
            usage_option=False,
            limit="max_tokens",
            renamed={"seed": "random_seed"},
            dropped=("metadata", "prompt_cache_key", "safety_identifier", "user", "verbosity"),
            refused=("logit_bias", "logprobs", "top_logprobs", *_NOT_OPENAIS),
        ),
        note="It refuses fields that it does not know (422); a stream's last chunk has its usage anyway.",
    ),
    Service(
        name="ollama",
        title="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        key=False,
        abilities=("tools", "json", "image", "logprobs"),
        quirks=openai_chat.Quirks(limit="max_tokens", refused=("logit_bias",), one_choice=True),
        note="It leaves out what it does not know without a word: `logit_bias` and `n` are refused here.",
    ),
    Service(
        name="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        abilities=("tools", "json", "image", "logprobs"),
        quirks=openai_chat.Quirks(limit="max_completion_tokens", refused=_NOT_OPENAIS),
    ),
    Service(
        name="openrouter",
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        abilities=("tools", "json", "image", "logprobs"),
        note="A price there can change with the provider that answers: price its models with room.",
    ),
    Service(
        name="sglang",
        title="SGLang",
        base_url="http://127.0.0.1:30000/v1",
        key=False,
        abilities=("tools", "json", "image", "logprobs"),
        quirks=openai_chat.Quirks(running_usage=True),
        note="Tells the usage so far in every frame since October 2025; an older one ignores the wish.",
    ),
    Service(
        name="together",
        title="Together AI",
        base_url="https://api.together.xyz/v1",
        abilities=("tools", "json", "image", "logprobs"),
        quirks=openai_chat.Quirks(limit="max_tokens"),
        priced_words=("safety_model",),
    ),
    Service(
        name="vllm",
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        key=False,
        abilities=("tools", "json", "image", "logprobs"),
        quirks=openai_chat.Quirks(running_usage=True),
        counting="tokenize",
        note="[How to start it for Mistral Small](../howto/vllm.md).",
    ),
)
"""By name."""


def service_of(name: str, base_url: str = "") -> Service:
    """The row called ``name``; without a name the one whose host ``base_url`` has, else ``UNKNOWN``.
    ValueError for a name that is none, with those there are."""
    if name:
        for service in SERVICES:
            if service.name == name:
                return service
        known = ", ".join(service.name for service in SERVICES)
        raise ValueError(f'"{name}" is no service known here: {known}')
    host = urlsplit(base_url).hostname
    for service in SERVICES:
        if urlsplit(service.base_url).hostname == host and host != "127.0.0.1":
            return service
    return UNKNOWN
