"""Stop strings in text that comes in pieces. For answers in which they end text, but not what a grammar
holds together: llama.cpp would cut calls as well."""

from __future__ import annotations

from collections.abc import Sequence


class StopScanner:
    """Feed it text; it holds back what may be the beginning of a stop string."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._longest = max(map(len, self._stops), default=0)
        self._held = ""

    def feed(self, text: str) -> tuple[str, str | None]:
        """→ the text that may be told, and the stop string that was met (nothing follows it)."""
        text = self._held + text
        found = [(text.find(stop), stop) for stop in self._stops if stop in text]
        if found:
            self._held = ""
            place, stop = min(found)
            return text[:place], stop
        keep = 0
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stops):
                keep = length
                break
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut], None

    def rest(self) -> str:
        """What was held back, once no stop string can follow."""
        rest, self._held = self._held, ""
        return rest
