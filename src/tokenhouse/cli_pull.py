"""The verb ``pull``: weights onto this machine, after saying whether they will run on it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import click

from tokenhouse.catalogue import Catalogue, Model
from tokenhouse.cli_fit import fit_lines, fit_of, fit_rows, plan_rows, refusal
from tokenhouse.cli_frame import (
    AUTH,
    NOT_FOUND,
    UNREACHABLE,
    Failure,
    Settings,
    Verb,
    settings_of,
)
from tokenhouse.cli_open import build_catalogue
from tokenhouse.cli_output import print_json
from tokenhouse.config import Config
from tokenhouse.errors import TokenhouseError

if TYPE_CHECKING:  # --help comes at once
    from tokenhouse.engine import EngineError, Hub, Plan, Pulled, Wanted
    from tokenhouse.engine import FetchProgress as Report

_TENTHS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """What the options said."""

    assume_yes: bool
    dry_run: bool
    force: bool
    mend_vision: bool


@click.command(
    cls=Verb,
    examples="""
    tokenhouse pull mistral-small-3.1
    tokenhouse pull mistral-small-3.1:Q8_0 --yes
    tokenhouse pull ministral-3-3b --dry-run --json
    tokenhouse pull unsloth/Mistral-Small-3.1-24B-Instruct-2503-GGUF:Q5_K_M --for mistral-small-3.1
    tokenhouse pull https://host.example/model.gguf --sha256 HEX
    tokenhouse pull ./model.gguf
    """,
)
@click.argument("model")
@click.option("--revision", help="A commit, tag or branch of the repository.")
@click.option("--sha256", help="The SHA-256 that the weights must have.")
@click.option("--for", "for_model", metavar="MODEL", help="The catalogue's model that it is for.")
@click.option("--text-only", is_flag=True, help="Leave out the projector, which reads images.")
@click.option("--mend-vision", is_flag=True, help="Let a projector with GELU run with SiLU.")
@click.option("--yes", "-y", "assume_yes", is_flag=True, help="Don't ask before fetching.")
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be fetched, and whether it fits."
)
@click.option(
    "--force", is_flag=True, help="Fetch also what does not fit in this machine's memory."
)
@settings_of
def pull(settings: Settings, model: str, **options: str | bool | None) -> None:
    """Fetch a model's weights.

    MODEL is a name in the catalogue, OWNER/REPO of GGUF files, an https address or a file, the first
    two with :QUANTISATION behind them (Q4_K_M unless said). Before anything large is fetched it
    says whether the weights fit in memory and about how fast they would answer. What broke off goes
    on where it stopped; a file takes its name when its SHA-256 was right. A running house takes new
    weights up when it is started again.

    Exit codes: 0 the weights are here; 1 they do not fit, the disk is too small, or a file is not
    what was promised; 3 the hub wants to know who asks; 5 there is no such thing; 10 the hub can't
    be reached (pull again to go on).
    """
    from tokenhouse.engine import EngineError, Hub

    config = settings.load()
    catalogue = build_catalogue(config)
    how = How(
        assume_yes=bool(options["assume_yes"]),
        dry_run=bool(options["dry_run"]),
        force=bool(options["force"]),
        mend_vision=bool(options["mend_vision"]),
    )
    try:
        wanted, row = _wanted(model, catalogue, options)
        token = config.engine.hub_token
        hub = Hub(config.engine.hub, None if token is None else token.reveal())
        try:
            _pull(settings, (config, row), hub, wanted, how)
        finally:
            hub.close()
    except EngineError as error:
        _fail(error)


def _pull(
    settings: Settings, house: tuple[Config, Model | None], hub: Hub, wanted: Wanted, how: How
) -> None:
    from tokenhouse.engine import (
        bytes_available,
        carry_out,
        check_disk,
        memory_bandwidth,
        plan_pull,
        tokens_per_second,
    )

    config, row = house
    directory = Path(config.engine.weights_dir)
    plan = plan_pull(hub, wanted, directory)
    found = fit_of(config, row, plan.header, plan.eyes, bytes_available())
    speed = tokens_per_second(plan.header.file_bytes, memory_bandwidth())
    notes = _notes(plan, row, how)
    if not settings.as_json:
        for line in (*plan_rows(plan, directory), *fit_lines(found, speed), *notes):
            print(line)
    if found.hopeless and not how.force:
        raise Failure(refusal(plan, found), code="does_not_fit")
    check_disk(directory, plan.missing)
    if how.dry_run:
        pulled: tuple[Pulled, ...] = ()
    else:
        if plan.missing and not how.assume_yes and sys.stdin.isatty():
            click.confirm("Fetch it?", default=True, abort=True, err=True)
        with _progress() as report:
            pulled = carry_out(hub, plan, report)
    mended = _mend(plan, pulled, how, directory)
    if settings.as_json:
        print_json(
            {
                "model": None if row is None else row.id,
                "repo": wanted.repo,
                "revision": plan.revision,
                "dry_run": how.dry_run,
                "files": _files(plan, pulled),
                "missing": plan.missing if how.dry_run else 0,
                "fit": fit_rows(found),
                "tokens_per_second": round(speed, 2),
                "vision_activation": None if plan.eyes is None else plan.eyes.activation,
                "mended": mended,
                "notes": notes,
            }
        )
    elif not how.dry_run:
        _print_done(plan, row, mended=mended)


def _wanted(
    name: str, catalogue: Catalogue, options: Mapping[str, str | bool | None]
) -> tuple[Wanted, Model | None]:
    """→ (what to pull, the model that it is for)"""
    from tokenhouse.engine import Wanted

    for_name, revision = options["for_model"], options["revision"]
    row = catalogue.resolve(str(for_name)) if for_name else None
    model = None if row is None else row.id
    pinned = str(options["sha256"] or "")
    if name.startswith(("http://", "https://")):
        file = name.partition("?")[0].rpartition("/")[2]
        return Wanted(url=name, model=model, sha256={file: pinned} if pinned else {}), row
    path = Path(name).expanduser()
    if path.is_file():
        return Wanted(path=path, model=model, sha256={path.name: pinned} if pinned else {}), row
    if name.startswith((".", "/", "~")):
        raise Failure(f"there is no file {name}", code="not_found", exit_code=NOT_FOUND)
    found, quantisation = _named(name, catalogue)
    text_only = bool(options["text_only"])
    if isinstance(found, str):
        wanted = Wanted(
            repo=found,
            revision=str(revision) if revision else None,
            quantisation=quantisation,
            text_only=text_only,
            model=model,
        )
    elif found.hub is None:
        raise Failure(
            f"the row of {found.id} names no repository: pull OWNER/REPO --for {found.id}, or give "
            'it hub = { repo = "OWNER/REPO" }',
            code="no_repository",
            exit_code=NOT_FOUND,
        )
    else:
        row = found
        wanted = Wanted(
            repo=found.hub.repo,
            revision=str(revision) if revision else found.hub.revision,
            quantisation=quantisation or found.weights,
            projector=found.hub.projector,
            text_only=text_only or "image" not in found.input_modalities,
            sha256={} if revision else found.hub.sha256,
            model=found.id,
        )
    if pinned:
        raise click.UsageError("--sha256 goes with an address or a file: a hub says its own")
    return wanted, row


def _named(name: str, catalogue: Catalogue) -> tuple[Model | str, str | None]:
    """→ (a model of the catalogue, or a repository; the quantisation behind the colon)"""
    head, colon, tail = name.rpartition(":")
    repo, quantisation = (head, tail) if colon and tail else (name, None)
    with suppress(TokenhouseError):
        return catalogue.resolve(name), None  # a name may have a colon of its own
    try:
        return catalogue.resolve(repo), quantisation
    except TokenhouseError:
        if repo.count("/") != 1:
            raise
    return repo, quantisation


def _notes(plan: Plan, row: Model | None, how: How) -> list[str]:
    """What may surprise afterwards."""
    from tokenhouse.engine import FORMATS

    notes: list[str] = []
    if plan.eyes is not None and plan.eyes.suspect and not how.mend_vision:
        notes.append(
            f"Vision: the projector says {plan.eyes.activation}, and the tower was trained with silu: "
            "it may misread digits. `tokenhouse pull … --mend-vision` turns the flag, no tensor."
        )
    if row is not None and row.tokenizer is not None and row.tokenizer.startswith("tekken-"):
        if row.tokenizer not in FORMATS:
            notes.append(
                f"This version's engine writes prompts of {', '.join(FORMATS)}, and {row.id} wants "
                f"{row.tokenizer}: the weights can be fetched, and not be served here yet."
            )
        elif row.price is None:
            notes.append(f"{row.id} has no price: give it one, or say free = true, to offer it.")
    return notes


def _mend(plan: Plan, pulled: tuple[Pulled, ...], how: How, directory: Path) -> bool:
    """Turn the projector's activation where that was asked for; → whether it was."""
    from dataclasses import replace

    from tokenhouse.engine import mend_activation, write_pulled

    if not how.mend_vision or plan.projector is None or not pulled:
        return False
    if not mend_activation(plan.projector.into):
        return False
    write_pulled(directory, replace(pulled[-1], mended=True))
    return True


def _files(plan: Plan, pulled: tuple[Pulled, ...]) -> list[dict[str, object]]:
    by_name = {record.file: record for record in pulled}
    return [
        {
            "file": item.file.name,
            "path": str(item.into),
            "bytes": item.file.size,
            "sha256": by_name[item.file.name].sha256
            if item.file.name in by_name
            else item.file.sha256,
            "source": item.file.url,
            "here": item.here or item.file.name in by_name,
        }
        for item in plan.items
    ]


def _print_done(plan: Plan, row: Model | None, *, mended: bool) -> None:
    first = plan.weights[0].into
    if mended:
        print("The projector runs with silu now.")
    print(f"Here: {first}")
    if row is None:
        print(f'To offer it: weights = "{first.name}" in the row of a model.')
    elif row.weights not in (None, first.name) and (first.parent / str(row.weights)).is_file():
        print(
            f"{row.id} keeps running {row.weights}, which its row names: remove that file, or say "
            f'weights = "{first.name}", to run this one.'
        )
    else:
        print(f"{row.id} runs from the next start of `tokenhouse serve`.")


@contextmanager
def _progress() -> Generator[Report]:
    """Bars where somebody looks, else a line at every tenth; both to stderr."""
    try:
        if sys.stderr.isatty():
            with _bars() as report:
                yield report
        else:
            yield _Lines()
    except KeyboardInterrupt:
        print("\nStopped. Pull again to go on from here.", file=sys.stderr)
        raise


@contextmanager
def _bars() -> Generator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    tasks: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def report(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield report


class _Lines:
    """A line when another tenth of a file is here."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, name: str, done: int, total: int | None) -> None:
        if not total:
            return
        tenth = done * _TENTHS // total
        if tenth > self._said.get(name, 0):
            self._said[name] = tenth
            print(f"{name}: {tenth * 100 // _TENTHS} %", file=sys.stderr)


def _fail(error: EngineError) -> NoReturn:
    from tokenhouse.engine import (
        DiskShort,
        EngineMissing,
        HubRefused,
        HubUnreachable,
        NotOnHub,
        WrongHash,
    )

    message = str(error)
    match error:
        case NotOnHub():
            raise Failure(message, code="not_found", exit_code=NOT_FOUND) from error
        case HubRefused():
            raise Failure(message, code="hub_refused", exit_code=AUTH) from error
        case HubUnreachable():
            message = f"{message.rstrip('.')}. What is here is kept: pull again to go on."
            raise Failure(message, code="hub_unreachable", exit_code=UNREACHABLE) from error
        case DiskShort():
            raise Failure(message, code="disk_short") from error
        case WrongHash():
            raise Failure(message, code="wrong_hash") from error
        case EngineMissing():
            raise Failure(message, code="engine_missing") from error
        case _:
            raise Failure(message, code="pull_failed") from error
