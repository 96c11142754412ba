"""A small runner of GGUF files for checks and evaluation: llama.cpp in a child process.

Prompts go in as token ids, so that they are the tokenizer's own; see the engine room for the
runner that serves people.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_CHILD = """
import json, os, signal, sys
path, key, threads, context, slots = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
said = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)
import xllamacpp
p = xllamacpp.CommonParams()
p.model.path = path
p.api_keys = [key]
p.ui = False
p.n_ctx, p.n_parallel, p.kv_unified = context * slots, slots, False
p.n_batch = p.n_ubatch = 512
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
p.cache_ram_mib = 64
p.verbosity = 0
server = xllamacpp.Server(p)
said.write(json.dumps(server.listening_address) + "\\n")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    signal.pause()
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was generated. `ended` is true when the model stopped by itself."""

    text: str
    tokens: int
    ended: bool
    called: bool


class Engine:
    """Holds the child; use as a context manager."""

    def __init__(self, path: Path, *, threads: int = 1, context: int = 4096) -> None:
        self._key = secrets.token_hex(16)
        arguments = [str(path), self._key, str(threads), str(context), "1"]
        self._child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},
        )
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"llama.cpp could not load {path}")
        address = json.loads(line)
        self._host = address.split("://")[-1].rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, t: TracebackType | None
    ) -> None:
        self._child.send_signal(signal.SIGTERM)
        self._child.wait(10)

    def answer(
        self,
        ids: list[int],
        *,
        seed: int,
        limit: int = 1000,
        temperature: float = 0.7,
        top_p: float = 0.9,
        grammar: str | None = None,
    ) -> Answer:
        """Generate from token ids, with nothing but temperature and top_p at work, and a grammar."""
        done = self._post(
            ({} if grammar is None else {"grammar": grammar})
            | {
                "prompt": ids,
                "n_predict": limit,
                "temperature": temperature,
                "top_p": top_p,
                "top_k": 0,
                "min_p": 0.0,
                "seed": seed,
                "repeat_penalty": 1.0,
                "samplers": ["temperature", "top_p"],
                "return_tokens": True,
                "cache_prompt": True,
            }
        )
        return Answer(
            text=done["content"],
            tokens=done["tokens_predicted"],
            ended=done["stop_type"] == "eos",
            called=9 in done.get("tokens", ()),
        )

    def likeliest(self, ids: list[int], count: int) -> list[tuple[int, float]]:
        """The likeliest next tokens with the natural logarithm of their probabilities."""
        done = self._post(
            {"prompt": ids, "n_predict": 1, "temperature": 0.0, "n_probs": count, "seed": 1}
        )
        rows = done["completion_probabilities"][0]["top_logprobs"]
        return [(row["id"], row["logprob"]) for row in rows]

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, timeout=120)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
        connection.request("POST", "/completion", json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        if reply.status != 200:
            raise RuntimeError(f"llama.cpp answered {reply.status}: {text[:300]!r}")
        return json.loads(text)
