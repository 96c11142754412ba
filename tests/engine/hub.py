"""A stand-in for the hub on this machine: its listing, its redirects, ranges, and its bad days."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "1f3c" * 10


@dataclass
class Days:
    """What goes wrong. `cuts`: after how many bytes each answer in turn breaks off. `statuses`:
    answered instead of a file, in turn. `lies`: file → the SHA-256 that the listing says."""

    cuts: list[int] = field(default_factory=list[int])
    statuses: list[int] = field(default_factory=list[int])
    lies: dict[str, str] = field(default_factory=dict[str, str])
    ranges: bool = True
    redirects: bool = True
    etag: bool = True
    gated: bool = False


@dataclass
class Asked:
    """One request for bytes."""

    path: str
    range: str | None
    authorization: str | None


@dataclass
class FakeHub:
    """`files`: repository → path → bytes."""

    url: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    days: Days = field(default_factory=Days)
    asked: list[Asked] = field(default_factory=list[Asked])

    @property
    def ranges(self) -> list[str | None]:
        """Of the requests for bytes, past the header's."""
        return [a.range for a in self.asked if not (a.range or "").startswith("bytes=0-")]


@contextmanager
def serve_hub() -> Generator[FakeHub]:
    """A hub that listens until the block ends."""
    hub = FakeHub()

    class Handler(_Handler):
        house = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    house: FakeHub
    # one request per connection, so that no thread waits for a second one
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if listing := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._list(listing[1], listing[2])
        elif resolved := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            target = f"/cdn/{resolved[1]}/{resolved[3]}"
            if self.house.days.redirects:
                self._say(302, {"location": target, "x-repo-commit": COMMIT})
            else:
                self._bytes(target)
        elif path.startswith("/cdn/"):
            self._bytes(path)
        else:
            self._say(404, {})

    def _list(self, repo: str, revision: str | None) -> None:
        days, files = self.house.days, self.house.files.get(repo)
        if days.gated:
            self._say(403, {"x-error-code": "GatedRepo"})
        elif files is None:
            self._say(404, {"x-error-code": "RepoNotFound"})
        elif revision not in (None, "main", COMMIT):
            self._say(404, {"x-error-code": "RevisionNotFound"})
        else:
            siblings = [
                {
                    "rfilename": name,
                    "size": len(octets),
                    "lfs": {
                        "sha256": days.lies.get(name, hashlib.sha256(octets).hexdigest()),
                        "size": len(octets),
                        "pointerSize": 130,
                    },
                }
                for name, octets in files.items()
            ]
            body = json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode()
            self._say(200, {"content-type": "application/json"}, body)

    def _bytes(self, path: str) -> None:
        days = self.house.days
        asked = self.headers.get("range")
        self.house.asked.append(Asked(path, asked, self.headers.get("authorization")))
        _, _, owner, repo, name = path.split("/", 4)
        octets = self.house.files.get(f"{owner}/{repo}", {}).get(name)
        head = asked is not None and asked.startswith("bytes=0-")
        if octets is None:
            self._say(404, {})
            return
        if days.statuses and not head:
            self._say(days.statuses.pop(0), {})
            return
        etag = f'"{hashlib.md5(octets).hexdigest()}"'
        said = {"etag": etag} if days.etag else {}
        start, stop = 0, len(octets)
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
        fresh = self.headers.get("if-range") in (None, etag)
        if match and (days.ranges or head) and fresh:
            start = int(match[1])
            stop = min(int(match[2]) + 1, stop) if match[2] else stop
            if start >= len(octets):
                self._say(416, {"content-range": f"bytes */{len(octets)}"})
                return
            said["content-range"] = f"bytes {start}-{stop - 1}/{len(octets)}"
        cut = days.cuts.pop(0) if days.cuts and not head else None
        status = 206 if "content-range" in said else 200
        self._say(status, said, octets[start:stop], cut)

    def _say(
        self, status: int, headers: dict[str, str], body: bytes = b"", cut: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
