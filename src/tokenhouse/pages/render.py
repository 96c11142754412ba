"""Templates and Markdown → text. The libraries are imported with the first page, not with the house."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Final, cast

import jinja2
import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from tokenhouse.pages.highlight import Highlighter
from tokenhouse.pages.static import Static

HERE: Final = Path(__file__).parent

_TAGS: Final = frozenset(
    (
        *("p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "a"),
        *("ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    )
)
"""What Markdown may become. No pictures: a remote one tells its owner who reads."""


class Renderer:
    """One per house; called from worker threads too: what it keeps are caches only."""

    def __init__(self, static: Static) -> None:
        self._highlight = Highlighter()
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        self._pages = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=jinja2.select_autoescape(("html", "xml"), default_for_string=False),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        words = cast("dict[str, object]", self._pages.globals)
        words["static"] = static.url
        filters = cast("dict[str, object]", self._pages.filters)
        filters |= {
            "code": self.code,
            "markdown": self.markdown,
            "inline": self.inline,
            "plain": self.plain,
            "yaml": _quoted,
            "json_data": json_data,
        }

    def page(self, template: str, words: Mapping[str, object]) -> str:
        """The template with ``words``; a name that nobody gave is an error."""
        return self._pages.get_template(template).render(words)

    def code(self, code: str, language: str) -> Markup:
        """``<pre><code>`` of a snippet."""
        inner = self._highlight.html(code.rstrip("\n"), language)
        # a wide line scrolls inside; who has no mouse must be able to reach it
        return Markup(f'<pre tabindex="0"><code>{inner}\n</code></pre>')  # nosec B704

    def markdown(self, text: str) -> Markup:
        """Markdown by others → HTML that can do no harm: no HTML of theirs, no script, no picture,
        links to the web and to mail only."""
        return Markup(clean(self._markdown.render(text)))

    def inline(self, text: str) -> Markup:
        """One sentence of Markdown, without a paragraph around it."""
        return Markup(clean(self._markdown.renderInline(text)))

    def plain(self, text: str) -> str:
        """Markdown by others → its words alone, for a card."""
        return unescape(nh3.clean(self._markdown.render(text), tags=set())).strip()

    def guide(self, text: str) -> tuple[Markup, tuple[tuple[str, str], ...]]:
        """Our own Markdown → HTML with coloured code and anchors, and (anchor, title) of each h2."""
        tokens = self._markdown.parse(text)
        titles: list[tuple[str, str]] = []
        pieces: list[str] = []
        for position, token in enumerate(tokens):
            if token.type == "fence":
                language = token.info.split()[0] if token.info.split() else ""
                pieces.append(self.copyable(token.content, language))
            elif token.type == "heading_open" and token.tag in ("h2", "h3"):
                title = tokens[position + 1].content
                anchor = anchor_of(title)
                if token.tag == "h2":
                    titles.append((anchor, title))
                pieces.append(f'<{token.tag} id="{anchor}">')
            elif token.type == "table_open":
                pieces.append('<div class="scroll" tabindex="0"><table>')
            elif token.type == "table_close":
                pieces.append("</table></div>")
            elif token.type != "text":
                pieces.append(self._markdown.renderer.render([token], self._markdown.options, {}))
        return Markup("".join(pieces)), tuple(titles)  # nosec B704

    def copyable(self, code: str, language: str) -> str:
        """A snippet with its copy button (which a script brings to life)."""
        button = '<button type="button" class="copy" data-copy hidden>Copy</button>'
        return f'<div class="snippet">{button}{self.code(code, language)}</div>'


def clean(html: str) -> str:
    """HTML with nothing left that runs, loads or leads anywhere but to the web and to mail."""
    return nh3.clean(
        html,
        tags=set(_TAGS),
        attributes={"a": {"href", "title"}, "code": {"class"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )


def json_data(value: object) -> Markup:
    """JSON for a data block: nothing in it can close the element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    escaped = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Markup(escaped)  # nosec B704


def anchor_of(title: str) -> str:
    """``Keys and limits`` → ``keys-and-limits``."""
    words = "".join(c if c.isalnum() else " " for c in title.lower()).split()
    return "-".join(words)


def when(now_ms: int) -> str:
    """Unix milliseconds → RFC 3339 with microseconds, as the front matter has it."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    """A YAML scalar: a JSON string is one, and needs no rules about colons."""
    return json.dumps(str(value), ensure_ascii=False)
