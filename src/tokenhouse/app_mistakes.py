"""What is wrong with settings that can be read: found without building the house, for `tokenhouse check`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tokenhouse.app_people import make_mailer, visitor_cap
from tokenhouse.app_providers import missing_key, service_behind
from tokenhouse.config import Config, ConfigError, UpstreamConfig
from tokenhouse.errors import HouseError


def mistakes(config: Config) -> tuple[str, ...]:
    """Everything for which `serve` would refuse these settings though each value has its form."""
    return tuple(_found(config))


def keys_missing(config: Config) -> tuple[str, ...]:
    """The APIs that will refuse us for want of a key. The services must be known (`mistakes`)."""
    upstreams = (each for each in config.providers if isinstance(each, UpstreamConfig))
    said = (missing_key(settings, service_behind(settings)) for settings in upstreams)
    return tuple(filter(None, said))


def _found(config: Config) -> Iterator[str]:
    asked: list[Callable[[], object]] = [lambda: make_mailer(config), lambda: visitor_cap(config)]
    for settings in config.providers:
        if isinstance(settings, UpstreamConfig):
            asked.append(lambda settings=settings: service_behind(settings))
    for ask in asked:
        try:
            ask()
        except ConfigError as error:
            yield from error.problems
        except HouseError as error:
            yield error.message
