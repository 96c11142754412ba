"""Where models run: one adapter a kind, all behind one port.

Knows how to ask a provider and to read its answer as events. Refuses to know who pays, what anything
costs and who is asking.
"""

from tokenhouse.providers.anthropic import AnthropicProvider
from tokenhouse.providers.base import Attempt, Call, Provider, Sink
from tokenhouse.providers.engine import EngineProvider
from tokenhouse.providers.engine_prompts import EngineModel
from tokenhouse.providers.openai import OpenAIProvider
from tokenhouse.providers.scripted import Scripted
from tokenhouse.providers.services import SERVICES, Service, service_of
from tokenhouse.providers.upstream import UpstreamSettings

__all__ = [
    "SERVICES",
    "AnthropicProvider",
    "Attempt",
    "Call",
    "EngineModel",
    "EngineProvider",
    "OpenAIProvider",
    "Provider",
    "Scripted",
    "Service",
    "Sink",
    "UpstreamSettings",
    "service_of",
]
