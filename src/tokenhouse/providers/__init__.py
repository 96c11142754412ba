"""Where models run: one adapter a kind, all behind one port.

Knows how to ask a provider and to read its answer as events. Refuses to know who pays, what anything
costs and who is asking.
"""

from tokenhouse.providers.anthropic import AnthropicProvider
from tokenhouse.providers.base import Attempt, Call, PassedSink, Provider, Sink
from tokenhouse.providers.engine import EngineProvider
from tokenhouse.providers.engine_prompts import TEXT_ONLY, EngineModel
from tokenhouse.providers.image_settings import ImageSettings
from tokenhouse.providers.images import Images
from tokenhouse.providers.openai import OpenAIProvider
from tokenhouse.providers.scripted import Scripted
from tokenhouse.providers.services import SERVICES, Service, service_of
from tokenhouse.providers.upstream import UpstreamSettings

__all__ = [
    "AnthropicProvider",
    "Attempt",
    "Call",
    "EngineModel",
    "EngineProvider",
    "ImageSettings",
    "Images",
    "OpenAIProvider",
    "PassedSink",
    "Provider",
    "SERVICES",
    "Scripted",
    "Service",
    "Sink",
    "TEXT_ONLY",
    "UpstreamSettings",
    "service_of",
]
