"""Code as HTML: six classes, no inline style. Pygments finds the tokens."""

from __future__ import annotations

from html import escape
from typing import Final

_CLASSES: Final = (
    ("Comment", "c"),
    ("Literal.String", "s"),
    ("Literal.Number", "m"),
    ("Keyword", "k"),
    ("Name.Function", "f"),
    ("Name.Builtin", "f"),
    ("Name.Attribute", "f"),
    ("Name.Tag", "f"),
    ("Name.Variable", "v"),
)
_LEXERS: Final = {
    "python": "python",
    "javascript": "javascript",
    "bash": "bash",
    "php": "php",
    "json": "json",
    "toml": "toml",
}
"""Languages that are coloured; the rest is shown as it is."""


class Highlighter:
    """Remembers what it coloured: the same few snippets stand on page after page."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def html(self, code: str, language: str) -> str:
        """Escaped HTML of ``code``, without a frame."""
        name = _LEXERS.get(language)
        if name is None:
            return escape(code, quote=False)
        found = self._known.get((name, code))
        if found is None:
            if len(self._known) > 2000:
                self._known.clear()
            found = self._known[name, code] = _coloured(code, name)
        return found


def _coloured(code: str, name: str) -> str:
    from pygments.lexers import get_lexer_by_name  # slow to import; only pages need it

    lexer = get_lexer_by_name(name, stripnl=False, ensurenl=False)
    runs: list[tuple[str, str]] = []
    for kind, text in lexer.get_tokens(code):
        css = _class_of(str(kind).removeprefix("Token."))
        if runs and runs[-1][0] == css:
            runs[-1] = (css, runs[-1][1] + text)
        else:
            runs.append((css, text))
    pieces = [
        f'<span class="{css}">{escape(text, quote=False)}</span>'
        if css
        else escape(text, quote=False)
        for css, text in runs
    ]
    return "".join(pieces)


def _class_of(kind: str) -> str:
    return next((css for prefix, css in _CLASSES if kind.startswith(prefix)), "")
