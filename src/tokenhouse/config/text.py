"""The settings as text: the commented file that ``init`` writes, and the rows of the reference page.

In the commented file a line ``#key = value`` (no blank behind the #) shows a default and can be
uncommented as it stands; a line ``# …`` is prose. Sections that exist in every house have their
header uncommented; ``#[…]`` begins an example.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from tokenhouse.config.fields import Declared, declared, toml
from tokenhouse.config.images import ImagesConfig
from tokenhouse.config.rows import (
    DefaultsRow,
    EngineRow,
    HubRow,
    ModelRow,
    PlanRow,
    PriceRow,
    RouteRow,
    TierRow,
)
from tokenhouse.config.sections import (
    CatalogueConfig,
    EngineConfig,
    EngineProviderConfig,
    MailConfig,
    RoutingConfig,
    ScriptedProviderConfig,
    ServerConfig,
    SiteConfig,
    StoreConfig,
    UpstreamConfig,
)

_WIDTH: Final = 98
_HEAD: Final = """\
# The settings of this house. Everything has a default: a line that begins with # and no blank shows
# it, and counts once the # is taken away. Unknown keys are errors. `tokenhouse check` reads this file
# and says what is wrong; a running house reads models, plans and limits again on SIGHUP.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of the reference page; ``default`` is TOML text, "" where there is none."""

    key: str
    type: str
    default: str
    description: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A section of the file. ``example``: all of it is commented; ``inside``: tables that stand in one
    line of another section, so that only the reference lists their keys."""

    header: str
    path: str
    kind: type[object]
    intro: str
    example: bool = False
    inside: bool = False


_PARTS: Final = (
    _Part("[server]", "server", ServerConfig, ""),
    _Part("[store]", "store", StoreConfig, ""),
    _Part("[site]", "site", SiteConfig, ""),
    _Part(
        "[mail]", "mail", MailConfig, "How the house sends mail: to confirm addresses, to invite."
    ),
    _Part("[routing]", "routing", RoutingConfig, "Which route of a model is tried, and when."),
    _Part("[engine]", "engine", EngineConfig, "What all engine processes of this house share."),
    _Part("[images]", "images", ImagesConfig, "What models that run here are shown."),
    _Part("[catalogue]", "catalogue", CatalogueConfig, ""),
    _Part(
        "[providers.local]",
        "providers.NAME (engine)",
        EngineProviderConfig,
        "Where models run. `local` is there even when it is not written here.",
    ),
    _Part(
        "[providers.upstream1]",
        "providers.NAME (openai, anthropic)",
        UpstreamConfig,
        "An API elsewhere.",
        example=True,
    ),
    _Part(
        "[providers.trial]",
        "providers.NAME (scripted)",
        ScriptedProviderConfig,
        "A fake, for trials.",
        example=True,
    ),
    _Part(
        "[[models]]",
        "models",
        ModelRow,
        "A model to offer. One of the same id replaces the shipped one. A price's keys are USD per 1M "
        "tokens: input, output, cache_read, cache_write, reasoning; and USD each: image, request; "
        "and tiers = [ { above = 200000, input = …, output = … } ] for longer prompts.",
        example=True,
    ),
    _Part("", "models.hub", HubRow, "", inside=True),
    _Part("", "models.engine", EngineRow, "", inside=True),
    _Part("", "models.price", PriceRow, "", inside=True),
    _Part("", "models.price.tiers", TierRow, "", inside=True),
    _Part("", "models.routes", RouteRow, "", inside=True),
    _Part("", "models.defaults", DefaultsRow, "", inside=True),
    _Part(
        "[plans.free]",
        "plans.NAME",
        PlanRow,
        "What accounts of a plan get and may ask for. Accounts made without a plan get "
        "[plans.default], else this one.",
        example=True,
    ),
)


def commented_default() -> str:
    """The file that ``init`` writes: parses, equals the defaults, and names every key."""
    lines = [_HEAD]
    for part in _PARTS:
        if part.inside:
            continue
        lines.extend(_prose(part.intro))
        lines.append(f"#{part.header}" if part.example else part.header)
        for each in declared(part.kind):
            lines.extend(_prose(each.key.doc))
            needed = each.name == "kind" and not part.example
            shown = toml(each.default) if each.key.shown is None else each.key.shown
            lines.append(f"{'' if needed else '#'}{each.name} = {shown}")
        lines.append("")
    return "\n".join(lines)


def reference() -> tuple[Entry, ...]:
    """Every key, in the file's order."""
    return tuple(
        Entry(f"{part.path}.{each.name}", each.form, _default(each), each.key.doc)
        for part in _PARTS
        for each in declared(part.kind)
    )


def _default(each: Declared) -> str:
    if each.default is None:
        return ""
    return toml(each.default) if each.key.shown is None else each.key.shown


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")
