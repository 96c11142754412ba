"""From "this model" to files that are here: what to fetch, what it will take, then the fetching."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from .errors import NotOnHub, PullError
from .fetch import FetchProgress, copy, fetch, here_of, sha256_of
from .fit import SMALLEST_USEFUL_CONTEXT, Fit
from .gguf import GgufHeader, peek, read_header
from .hub import Hub, Listing, RemoteFile
from .projector import HEAD_BYTES, Projector, projector_of, read_projector
from .weights import Pulled, read_pulled, write_pulled

DEFAULT_QUANTISATION: Final = "Q4_K_M"
_LONG_HEAD_BYTES: Final = 24 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to pull: a `repo` of the hub, or a `url`, or a `path` on this machine.

    `quantisation` may be a file's name; None is the usual one. `projector` names its file, None takes
    the best there is; `text_only` takes none. `sha256`: file name → the hash it must have. `model`
    is the catalogue id that the weights are for.
    """

    repo: str | None = None
    revision: str | None = None
    url: str | None = None
    path: Path | None = None
    quantisation: str | None = None
    projector: str | None = None
    text_only: bool = False
    sha256: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One file of a plan. `here`: nothing is to be fetched; `kept`: bytes of an earlier fetch."""

    file: RemoteFile
    into: Path
    here: bool
    kept: int
    local: Path | None = None

    @property
    def missing(self) -> int:
        """Bytes still to come, as far as is known."""
        return 0 if self.here else max(0, (self.file.size or 0) - self.kept)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pull will do, and what the weights say of themselves. `listing` None: no repository."""

    wanted: Wanted
    weights: tuple[Item, ...]
    projector: Item | None
    header: GgufHeader
    eyes: Projector | None
    listing: Listing | None

    @property
    def items(self) -> tuple[Item, ...]:
        """Every file, the weights first."""
        return self.weights if self.projector is None else (*self.weights, self.projector)

    @property
    def missing(self) -> int:
        """Bytes to fetch."""
        return sum(item.missing for item in self.items)

    @property
    def revision(self) -> str | None:
        """The commit that the files are of."""
        return self.weights[0].file.revision


def plan_pull(hub: Hub, wanted: Wanted, directory: Path) -> Plan:
    """Find the files and read what they say of themselves; fetches no more than their headers.

    Raises NotOnHub, HubRefused, HubUnreachable, PullError, WeightsError.
    """
    if wanted.path is not None:
        return _plan_of_file(wanted, wanted.path, directory)
    listing, eyes = None, None
    if wanted.url is not None:
        weights: tuple[RemoteFile, ...] = (hub.address(wanted.url),)
    else:
        assert wanted.repo is not None
        listing = hub.files(wanted.repo, wanted.revision)
        weights = _choose(listing, wanted.quantisation)
        eyes = None if wanted.text_only else listing.projector(wanted.projector)
    weights = tuple(_pinned(file, wanted.sha256) for file in weights)
    eyes = None if eyes is None else _pinned(eyes, wanted.sha256)
    items = tuple(_item(file, directory) for file in weights)
    projector = None if eyes is None else _item(eyes, directory)
    return Plan(
        wanted,
        items,
        projector,
        _header(hub, items),
        None if projector is None else _eyes(hub, projector),
        listing,
    )


def carry_out(hub: Hub, plan: Plan, progress: FetchProgress) -> tuple[Pulled, ...]:
    """Fetch what is missing and record where everything came from; → the records, weights first.

    The projector comes first: it is the smaller one, and weights without it can't see. Raises what
    `fetch` raises.
    """
    eyes = None
    if plan.projector is not None:
        eyes = _bring(hub, plan.projector, plan, progress)
    name = None if eyes is None else eyes.file
    weights = [_bring(hub, item, plan, progress, name) for item in plan.weights]
    return tuple(weights) if eyes is None else (*weights, eyes)


def smaller(plan: Plan, fit: Fit) -> RemoteFile | None:
    """The largest other weights of the repository that would fit with a useful context."""
    if plan.listing is None or fit.available is None:
        return None
    context = min(SMALLEST_USEFUL_CONTEXT, fit.context)
    rest = fit.projector + fit.images + fit.buffers + plan.header.kv_bytes_per_token * context
    fitting = [
        file
        for file in plan.listing.files
        if file.size is not None
        and "mmproj" not in file.name.lower()
        and "-of-" not in file.name
        and file.size + rest <= fit.available
    ]
    return max(fitting, key=lambda file: file.size or 0, default=None)


def _choose(listing: Listing, quantisation: str | None) -> tuple[RemoteFile, ...]:
    if quantisation is not None:
        return listing.weights(quantisation)
    try:
        return listing.weights(DEFAULT_QUANTISATION)
    except NotOnHub:
        only = listing.only_weights()
        if not only:
            raise
        return only


def _pinned(file: RemoteFile, hashes: Mapping[str, str]) -> RemoteFile:
    expected = hashes.get(file.name)
    if expected is None:
        return file
    if file.sha256 is not None and file.sha256.lower() != expected.lower():
        raise PullError(
            f"the hub's {file.name} is another one than the catalogue names",
            "name the right revision, or the file's new SHA-256, in the model's row",
        )
    return dataclasses.replace(file, sha256=expected)


def _item(file: RemoteFile, directory: Path) -> Item:
    into = directory / file.name
    here = _is_here(file, into)
    return Item(file, into, here, 0 if here else here_of(file, into))


def _is_here(file: RemoteFile, into: Path) -> bool:
    if not into.is_file():
        return False
    pulled = read_pulled(into)
    if pulled is not None and file.sha256 is not None:
        return pulled.sha256 == file.sha256.lower()
    if pulled is not None and file.repo is None and pulled.source != file.url:
        return False
    return file.size is None or into.stat().st_size == file.size


def _header(hub: Hub, items: tuple[Item, ...]) -> GgufHeader:
    """Of weights that are here or far away; the sum of all parts is its size."""
    first = items[0]
    size = sum(item.file.size or 0 for item in items)
    if first.here:
        with first.into.open("rb") as file:
            return peek(file.read(_LONG_HEAD_BYTES), first.into).header(first.into, size)
    name = Path(first.file.name)
    facts = peek(hub.head(first.file, HEAD_BYTES), name)
    architecture = facts.values.get("general.architecture")
    if not facts.whole and f"{architecture}.attention.key_length" not in facts.values:
        facts = peek(hub.head(first.file, _LONG_HEAD_BYTES), name)
    return facts.header(name, size)


def _eyes(hub: Hub, item: Item) -> Projector:
    if item.here:
        return read_projector(item.into)
    head = hub.head(item.file, HEAD_BYTES)
    return projector_of(head, Path(item.file.name), item.file.size or 0)


def _plan_of_file(wanted: Wanted, path: Path, directory: Path) -> Plan:
    header = read_header(path)
    if header.file_bytes != path.stat().st_size:
        raise PullError(
            f"{path} is one part of several",
            f"copy every part into {directory} and name the first in the model's row",
        )
    file = RemoteFile(
        name=path.name, url=str(path.resolve()), size=header.file_bytes,
        sha256=wanted.sha256.get(path.name),
    )  # fmt: skip
    into = directory / path.name
    here = path.resolve() == into.resolve()
    return Plan(wanted, (Item(file, into, here, 0, path),), None, header, None, None)


def _bring(
    hub: Hub, item: Item, plan: Plan, progress: FetchProgress, projector: str | None = None
) -> Pulled:
    """One file, here and recorded."""
    before = read_pulled(item.into) if item.here else None
    if before is not None:
        sha256 = before.sha256
    elif item.local is not None:
        sha256 = copy(
            item.local,
            item.into,
            progress=progress,
            check=_check_of(item, plan),
            sha256=item.file.sha256,
        )
    else:
        found = sha256_of(item.into, progress) if item.here else None
        if found is not None and item.file.sha256 in (None, found):
            sha256 = found
        else:
            check = _check_of(item, plan)
            sha256 = fetch(hub, item.file, item.into, progress=progress, check=check)
    pulled = Pulled(
        file=item.file.name,
        bytes=item.into.stat().st_size,
        sha256=sha256,
        source=item.file.url,
        repo=item.file.repo,
        revision=item.file.revision,
        model=None if item is plan.projector else plan.wanted.model or (before and before.model),
        projector=projector or (None if before is None else before.projector),
        mended=before is not None and before.mended,
    )
    write_pulled(item.into.parent, pulled)
    return pulled


def _check_of(item: Item, plan: Plan) -> Callable[[Path], object]:
    """What a whole file must pass before it takes its name."""
    if item is plan.projector:
        return read_projector
    return read_header if len(plan.weights) == 1 else _check_part


def _check_part(path: Path) -> None:
    with path.open("rb") as file:
        peek(file.read(HEAD_BYTES), path)
