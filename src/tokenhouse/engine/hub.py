"""Where weights come from: a repository on a hub, or any address.

What a repository holds is asked of `huggingface_hub`, and its HTTP session carries the bytes, so
proxies, certificates and sign-in are what its other users know. Bytes come by plain ranges: a
fetch that broke off goes on where it stopped (see `fetch`).
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from .errors import EngineMissing, HubRefused, HubUnreachable, NotOnHub, PullError

if TYPE_CHECKING:
    import httpx2

HUB: Final = "https://huggingface.co"
TIMEOUT_S: Final = 30.0
CHUNK_BYTES: Final = 1 << 20

_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$", re.ASCII)
_PREFERRED: Final = ("f16", "bf16", "f32", "q8_0")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file that can be fetched. `size` (bytes) and `sha256` are what its holder says of it, None
    where nobody does; `repo`, `revision` and `path` are None for a plain address."""

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None
    repo: str | None = None
    revision: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """The GGUF files of a repository at one revision (a commit)."""

    repo: str
    revision: str
    files: tuple[RemoteFile, ...]

    def weights(self, quantisation: str) -> tuple[RemoteFile, ...]:
        """The file of one quantisation, or every part of it. NotOnHub names what there is.

        `quantisation` may be a whole file name.
        """
        wanted = quantisation.lower()
        mark = re.compile(rf"(?:^|[-._/]){re.escape(wanted)}(?=$|[-._/])")
        offered = [file for file in self.files if not _is_projector(file)]
        found = [
            file for file in offered if wanted in ((file.path or "").lower(), file.name.lower())
        ]
        found = found or [f for f in offered if mark.search((f.path or f.name).lower()[:-5])]
        if not found:
            there = ", ".join(sorted(_label(file) for file in offered)) or "no GGUF file"
            raise NotOnHub(f"{self.repo} has no {quantisation} (it has {there})")
        return self._with_parts(min(found, key=lambda file: (len(file.name), file.name)))

    def only_weights(self) -> tuple[RemoteFile, ...]:
        """The weights of a repository that holds one set of them; () where there are several."""
        offered = [file for file in self.files if not _is_projector(file)]
        sets = {self._with_parts(file) for file in offered}
        return sets.pop() if len(sets) == 1 else ()

    def projector(self, name: str | None = None) -> RemoteFile | None:
        """The projector of that name (NotOnHub), or the best one there is, if any."""
        offered = [file for file in self.files if _is_projector(file)]
        if name is not None:
            for file in self.files:
                if name in (file.path, file.name):
                    return file
            raise NotOnHub(f"{self.repo} has no {name}")
        return min(offered, key=_rank_of_projector, default=None)

    def _with_parts(self, file: RemoteFile) -> tuple[RemoteFile, ...]:
        part = _PART.search(file.name)
        if part is None:
            return (file,)
        stem = file.name[: part.start()]
        return tuple(
            sorted(
                (f for f in self.files if _PART.sub("", f.name) == stem and _PART.search(f.name)),
                key=lambda f: f.name,
            )
        )


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer being read. `start`: where its first byte belongs; `total`: bytes of the whole file;
    `etag`: what tells this version of the file from another. None is unknown."""

    start: int
    total: int | None
    etag: str | None
    chunks: Iterator[bytes]


class Hub:
    """One hub (`endpoint`) and the sign-in for it. `close` when done. Blocking.

    Raises HubUnreachable, NotOnHub, HubRefused (sign-in), PullError (anything else), and
    EngineMissing without `huggingface_hub`.
    """

    def __init__(self, endpoint: str = HUB, token: str | None = None) -> None:
        try:
            import huggingface_hub
        except ImportError:
            raise EngineMissing("huggingface_hub") from None
        self.endpoint = endpoint.rstrip("/")
        self._token = token or huggingface_hub.get_token()

    def close(self) -> None:
        """Give the connections back."""
        import huggingface_hub

        huggingface_hub.close_session()

    def files(self, repo: str, revision: str | None = None) -> Listing:
        """The GGUF files of a repository; `revision` a branch, tag or commit, None its main one."""
        from huggingface_hub import HfApi, hf_hub_url

        api = HfApi(endpoint=self.endpoint, token=self._token or False)
        with _told(f"{repo} on {self.endpoint}"):
            info = api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
        commit = info.sha or revision or "main"
        files: list[RemoteFile] = []
        for sibling in info.siblings or ():
            path = sibling.rfilename
            if not path.lower().endswith(".gguf"):
                continue
            files.append(
                RemoteFile(
                    name=path.rpartition("/")[2],
                    url=hf_hub_url(repo, path, revision=commit, endpoint=self.endpoint),
                    size=sibling.size if sibling.lfs is None else sibling.lfs.size,
                    sha256=None if sibling.lfs is None else sibling.lfs.sha256,
                    repo=repo,
                    revision=commit,
                    path=path,
                )
            )
        return Listing(repo, commit, tuple(files))

    def address(self, url: str, sha256: str | None = None) -> RemoteFile:
        """The file at an address; its size is asked for."""
        name = unquote(urlsplit(url).path).rpartition("/")[2]
        if not name.lower().endswith(".gguf"):
            raise PullError(
                f"{url} does not end in a file name", "give the address of a .gguf file"
            )
        file = RemoteFile(name=name, url=url, sha256=sha256)
        with self.stream(file, 0, end=0) as stream:
            return RemoteFile(name=name, url=url, size=stream.total, sha256=sha256)

    def head(self, file: RemoteFile, count: int) -> bytes:
        """The first bytes of a file, at most `count`."""
        head = bytearray()
        with self.stream(file, 0, end=count - 1) as stream:
            for chunk in stream.chunks:
                head += chunk
                if len(head) >= count:
                    break
        return bytes(head[:count])

    @contextmanager
    def stream(
        self, file: RemoteFile, start: int, *, end: int | None = None, etag: str | None = None
    ) -> Generator[Stream]:
        """Ask for the bytes from `start` (to `end`, both counted). `etag`: only of that version,
        else from the beginning. A server that knows no ranges answers from the beginning."""
        from huggingface_hub import get_session

        headers = {"accept-encoding": "identity"}
        if start or end is not None:
            headers["range"] = f"bytes={start}-{'' if end is None else end}"
        if etag is not None and not etag.startswith("W/"):
            headers["if-range"] = etag
        if self._token and file.url.startswith(self.endpoint + "/"):
            headers["authorization"] = f"Bearer {self._token}"
        with _told(file.url):
            _check_address(file.url)
            with get_session().stream(
                "GET", file.url, headers=headers, timeout=TIMEOUT_S
            ) as response:
                _check(response, file)
                begin, total = _extent(response)
                yield Stream(begin, total, response.headers.get("etag"), response.iter_raw())


def _check(response: httpx2.Response, file: RemoteFile) -> None:
    status, host = response.status_code, urlsplit(file.url).netloc
    if status in (200, 206):
        return
    if status == 404:
        raise NotOnHub(f"there is no {file.name} at {host}")
    if status in (401, 403):
        raise HubRefused(f"{host} does not give {file.name} to you")
    if status == 429 or status >= 500:
        raise HubUnreachable(f"{host} answered {status}")
    raise PullError(f"{host} answered {status} for {file.name}")


def _check_address(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise PullError(f"{url} is no address to fetch from", "give an https address")


def _extent(response: httpx2.Response) -> tuple[int, int | None]:
    """→ (offset of the first byte, bytes of the whole file where they are said)"""
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
    if response.status_code == 206:
        if said is None:
            raise PullError("the server answered a range without saying which")
        return int(said[1]), None if said[2] == "*" else int(said[2])
    length = response.headers.get("content-length", "")
    return 0, int(length) if length.isdigit() else None


@contextmanager
def _told(what: str) -> Generator[None]:
    """Failures of the libraries below, as ours."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise HubRefused(f"{what} asks who fetches it") from error
    except errors.RevisionNotFoundError as error:
        raise NotOnHub(f"{what} has no such revision") from error
    except errors.RepositoryNotFoundError as error:
        raise NotOnHub(f"there is no {what}, or not for you") from error
    except errors.HFValidationError as error:
        raise NotOnHub(f"{what} is no repository's name (owner/repo)") from error
    except errors.OfflineModeIsEnabled as error:
        raise HubUnreachable("HF_HUB_OFFLINE forbids asking the hub") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status == 404:
            raise NotOnHub(f"there is no {what}") from error
        kind = HubUnreachable if status == 429 or status >= 500 else PullError
        raise kind(f"{what}: the hub answered {status}") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise HubUnreachable(
            f"{what} can't be reached ({error or type(error).__name__})"
        ) from error


def _is_projector(file: RemoteFile) -> bool:
    return "mmproj" in file.name.lower()


def _rank_of_projector(file: RemoteFile) -> tuple[int, str]:
    name = file.name.lower()
    for rank, mark in enumerate(_PREFERRED):
        if re.search(rf"(?:^|[-._]){mark}(?=$|[-._])", name):
            return rank, name
    return len(_PREFERRED), name


def _label(file: RemoteFile) -> str:
    """What tells a file from its neighbours: mostly its quantisation."""
    stem = _PART.sub("", file.name).removesuffix(".gguf")
    return stem.rpartition("-")[2] or stem
