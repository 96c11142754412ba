"""What can go wrong in the engine, each with its reason and its mend.

`str(error)` is "reason. Mend." on one line: fit for an operator's log and for an answer.
"""

from __future__ import annotations

from pathlib import Path


class EngineError(Exception):
    """Root of the room's errors.

    `reason` says what is wrong, `mend` says what to do about it (may be empty when the caller can
    only try again).
    """

    def __init__(self, reason: str, mend: str = "") -> None:
        self.reason = reason
        self.mend = mend
        super().__init__(f"{reason}. {mend[:1].upper()}{mend[1:]}." if mend else reason)


class EngineMissing(EngineError):
    """A package of the `engine` extra is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed", "run: pip install 'tokenhouse[engine]'")


class WeightsError(EngineError):
    """The weights (or the tokenizer file) are missing, broken, or of a kind not supported."""


class MemoryShort(EngineError):
    """Weights and KV cache do not fit now. `need` and `available` are bytes."""

    def __init__(self, need: int, available: int, detail: str) -> None:
        self.need = need
        self.available = available
        super().__init__(
            f"the model needs {gib(need)} of memory ({detail}) and {gib(available)} are available",
            "lower context_length or choose a smaller quantisation",
        )


class NeverFits(EngineError):
    """Weights and context take more than all loaded models together may. Sizes are bytes."""

    def __init__(self, need: int, limit: int, detail: str, context_most: int) -> None:
        self.need = need
        self.limit = limit
        shorter = f"lower context_length to {context_most} or less" if context_most else ""
        shorter = shorter or "lower context_length"
        super().__init__(
            f"the model needs {gib(need)} of memory ({detail}) and loaded models may take "
            f"{gib(limit)} together (engine.memory)",
            f"{shorter}, choose a smaller quantisation, or raise engine.memory if there is more",
        )


class LoadFailed(EngineError):
    """llama.cpp refused the model; the reason carries the last lines that it wrote.

    `short`: memory was, so that it may load once others have gone. `lasting`: as long as its file stays
    as it is, trying again changes nothing.
    """

    def __init__(
        self, reason: str, mend: str = "", *, short: bool = False, lasting: bool = False
    ) -> None:
        self.short = short
        self.lasting = lasting
        super().__init__(reason, mend)


class BinaryRefused(LoadFailed):
    """The llama-server that was named can't be used. The reason names the key and the program, not its
    directory: callers may read it."""

    def __init__(self, path: Path, what: str, mend: str) -> None:
        super().__init__(f"llama_server_binary ({path.name}) {what}", mend)


class PullError(EngineError):
    """Weights could not be fetched."""


class NotOnHub(PullError):
    """The repository, revision or file does not exist there."""


class HubRefused(PullError):
    """The hub wants to know who asks, or refuses who asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            reason,
            "accept its terms in a browser, then set engine.hub_token or $HF_TOKEN to a token of "
            "yours; or pull a repository that is open",
        )


class HubUnreachable(PullError):
    """No answer, or the connection broke again and again. What came stays, to go on from."""


class DiskShort(PullError):
    """The disk has no room. `need` and `available` are bytes."""

    def __init__(self, need: int, available: int, where: str) -> None:
        self.need = need
        self.available = available
        super().__init__(
            f"{gib(need)} are to be fetched and {gib(available)} are free at {where}",
            "free some space, or set engine.weights_dir to a larger disk",
        )


class WrongHash(PullError):
    """The bytes are not those that were promised; they are thrown away."""

    def __init__(self, name: str, expected: str, found: str) -> None:
        super().__init__(
            f"{name} has the SHA-256 {found}, not {expected}, and was thrown away",
            "pull again; if it stays so, the file is not what its row or its hub says",
        )


class EngineDown(EngineError):
    """Not ready: loading, restarting, stopped, or lost while it answered. Trying again can help."""


class EngineBusy(EngineError):
    """The queue before the engine is full."""


class EngineFault(EngineError):
    """The engine answered with an error of its own (its side, not the caller's)."""


class RequestRefused(EngineError):
    """What was asked cannot be done by this engine; asking again changes nothing."""


class ContextTooLong(RequestRefused):
    """`prompt_tokens` + `max_tokens` do not fit into `n_ctx`."""

    def __init__(self, prompt_tokens: int, max_tokens: int, n_ctx: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.n_ctx = n_ctx
        super().__init__(
            f"{prompt_tokens} prompt tokens and {max_tokens} tokens of answer are more than the "
            f"context of {n_ctx}",
            "shorten the prompt or lower max_tokens",
        )


class BadConversation(RequestRefused, ValueError):
    """The turns cannot be put into the model's format. `index` is that of the turn, from 0."""

    def __init__(self, reason: str, index: int | None = None) -> None:
        self.index = index
        super().__init__(reason if index is None else f"messages[{index}]: {reason}")


class ImageRefused(RequestRefused, ValueError):
    """An image that is not read. `reason` goes on from its name: "is no PNG …", "has … pixels"."""


class SchemaRefused(RequestRefused, ValueError):
    """A JSON schema that cannot be enforced. `keyword` is the culprit and `place` where it stands in
    the schema (it included), where they are known; `tool` whose parameters it is in, None: the answer's.
    """

    def __init__(
        self,
        reason: str,
        keyword: str | None = None,
        *,
        place: tuple[str | int, ...] = (),
        tool: str | None = None,
    ) -> None:
        self.keyword = keyword
        self.place = place
        self.tool = tool
        super().__init__(reason)


def gib(n: int) -> str:
    """Bytes for people: "1.5 GiB" (below a tenth: "12 MiB")."""
    return f"{n / 2**30:.1f} GiB" if n >= 2**30 // 10 else f"{n / 2**20:.0f} MiB"
