"""Where models run: one adapter a kind, all behind one port.

Knows how to ask a provider and to read its answer as events. Refuses to know who pays, what anything
costs and who is asking.
"""

from tokenhouse.providers.anthropic import AnthropicProvider, AnthropicSettings
from tokenhouse.providers.base import Attempt, Call, Provider, Sink
from tokenhouse.providers.engine import EngineModel, EngineProvider
from tokenhouse.providers.openai import OpenAIProvider, OpenAISettings
from tokenhouse.providers.scripted import Scripted

__all__ = [
    "AnthropicProvider",
    "AnthropicSettings",
    "Attempt",
    "Call",
    "EngineModel",
    "EngineProvider",
    "OpenAIProvider",
    "OpenAISettings",
    "Provider",
    "Scripted",
    "Sink",
]
