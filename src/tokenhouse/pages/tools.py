"""How coding tools are pointed at this house. A tool whose protocol it doesn't speak is not shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tokenhouse.catalogue import Model
from tokenhouse.pages.site import Site


@dataclass(frozen=True, slots=True)
class Tool:
    """``where``: the place that ``code`` goes to."""

    name: str
    where: str
    language: str
    code: str
    note: str = ""


def coding_tools(model: Model, site: Site) -> tuple[Tool, ...]:
    """Claude Code, Codex, Cursor and aider, as far as they can talk to this house."""
    return tuple(_tools(model, site))


def _tools(model: Model, site: Site) -> Iterator[Tool]:
    if site.has_messages:
        yield Tool(
            "Claude Code",
            "In a terminal",
            "bash",
            f"""\
export TOKENHOUSE_API_KEY=YOUR_API_KEY
export ANTHROPIC_BASE_URL={site.url}
export ANTHROPIC_AUTH_TOKEN=$TOKENHOUSE_API_KEY
export ANTHROPIC_MODEL={model.id}
export ANTHROPIC_DEFAULT_HAIKU_MODEL={model.id}
claude
""",
        )
    if site.has_responses:
        yield Tool(
            "Codex",
            "In ~/.codex/config.toml",
            "toml",
            f"""\
model = "{model.id}"
model_provider = "tokenhouse"

[model_providers.tokenhouse]
name = "{_plain(site.name)}"
base_url = "{site.base_url}"
env_key = "TOKENHOUSE_API_KEY"
wire_api = "responses"
""",
            "Then `export TOKENHOUSE_API_KEY=YOUR_API_KEY` and `codex`.",
        )
    yield Tool(
        "Cursor",
        "In Settings → Models",
        "",
        f"""\
OpenAI API Key            YOUR_API_KEY
Override OpenAI Base URL  {site.base_url}
Add model                 {model.id}
""",
        "Cursor calls from its own servers: this address has to be reachable from the internet.",
    )
    yield Tool(
        "aider",
        "In a terminal",
        "bash",
        f"""\
export TOKENHOUSE_API_KEY=YOUR_API_KEY
export OPENAI_API_BASE={site.base_url}
export OPENAI_API_KEY=$TOKENHOUSE_API_KEY
aider --model openai/{model.id}
""",
    )


def _plain(text: str) -> str:
    """Fit to stand in a TOML string."""
    return "".join(c for c in text if c.isprintable() and c not in '"\\')
