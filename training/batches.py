"""Fresh samples packed into rows, one batch a step, the same for the same seed and step."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.corpus.conversation import Conversation
from training.tokenizer import PAD, Codec, Encoded

Ids = npt.NDArray[np.int64]
Sample = Callable[[random.Random, int], Conversation]
# Characters a token stands for, nearly: how long a conversation is drawn to fill a row.
CHARACTERS = 3.4
# How many rows are filled by one conversation; the rest by several short ones.
WHOLE = 0.75
# Messages of a conversation that can lose a turn: a prompt, two questions and two answers.
MANY = 5


@dataclass(frozen=True, slots=True)
class Batch:
    """`ids` and `documents` [rows, time]; flat `places` whose next id is `targets`."""

    ids: Ids
    documents: Ids
    places: Ids
    targets: Ids
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Packer:
    """`places` is how many positions of a batch carry loss: the assistant's, then some others."""

    codec: Codec
    sample: Sample
    rows: int = 8
    time: int = 1024
    places: int = 5120
    other_weight: float = 0.1

    def batch(self, seed: int, step: int) -> Batch:
        rng = random.Random(f"{seed}:{step}")
        shape = (self.rows, self.time + 1)
        ids = np.full(shape, PAD, dtype=np.int64)
        taught = np.zeros(shape, dtype=bool)
        documents = np.full(shape, -1, dtype=np.int64)
        for row in range(self.rows):
            self._fill(rng, ids[row], taught[row], documents[row])
        return self._batch(rng, ids, taught, documents)

    def _fill(self, rng: random.Random, ids: Ids, taught: npt.NDArray[np.bool_], docs: Ids) -> None:
        at, document, misses = 0, 0, 0
        room = int(len(ids) * CHARACTERS) if rng.random() < WHOLE else 0
        while at < len(ids) - 60 and misses < 6:
            encoded = self._fitting(self.sample(rng, room if not at else 0), len(ids) - at)
            if encoded is None:
                misses += 1
                continue
            size = len(encoded.ids)
            ids[at : at + size] = encoded.ids
            taught[at : at + size] = encoded.taught
            docs[at : at + size] = document
            at, document = at + size, document + 1

    def _fitting(self, conversation: Conversation, space: int) -> Encoded | None:
        """`conversation`, without its last turns where it is too long; None if none fits."""
        encoded = self.codec.encode(conversation)
        messages = conversation.messages
        while len(encoded.ids) > space:
            if conversation.tools or len(messages) < MANY:
                return None
            messages = messages[:-2]
            encoded = self.codec.encode(Conversation(messages))
        return encoded

    def _batch(
        self, rng: random.Random, ids: Ids, taught: npt.NDArray[np.bool_], documents: Ids
    ) -> Batch:
        next_taught = taught[:, 1:].ravel()
        inside = (documents[:, 1:] >= 0) & (documents[:, 1:] == documents[:, :-1])
        spoken = np.flatnonzero(next_taught & inside.ravel())
        others = np.flatnonzero(~next_taught & inside.ravel())
        draw = np.random.default_rng(rng.getrandbits(63))
        spoken, others = draw.permutation(spoken), draw.permutation(others)
        pool = np.concatenate([spoken, others])[: self.places]
        weights = np.full(self.places, self.other_weight, dtype=np.float32)
        weights[: min(len(spoken), self.places)] = 1.0
        if len(pool) < self.places:
            weights[len(pool) :] = 0.0
            pool = np.concatenate([pool, np.zeros(self.places - len(pool), dtype=np.int64)])
        order = np.argsort(pool, kind="stable")
        places = pool[order]
        return Batch(
            ids=ids[:, :-1].copy(),
            documents=documents[:, :-1].copy(),
            places=places,
            targets=ids[:, 1:].ravel()[places],
            weights=weights[order],
        )
