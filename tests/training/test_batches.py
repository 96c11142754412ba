"""Rows are packed with whole conversations, and repeat for the same seed and step."""

from __future__ import annotations

import numpy as np
from training.batches import Packer
from training.corpus import sample, sample_short
from training.tokenizer import BOS, EOS, PAD, Codec

from tokenhouse.starter import tokenizer_path


def test_a_batch_repeats_for_its_seed_and_step_only() -> None:
    packer = Packer(Codec(tokenizer_path()), sample, rows=2, time=512, places=512)
    once, again, other = packer.batch(1, 5), packer.batch(1, 5), packer.batch(1, 6)
    assert np.array_equal(once.ids, again.ids)
    assert np.array_equal(once.places, again.places)
    assert not np.array_equal(once.ids, other.ids)


def test_every_conversation_of_a_row_is_whole() -> None:
    batch = Packer(Codec(tokenizer_path()), sample_short, rows=3, time=512, places=512).batch(2, 1)
    for row, documents in zip(batch.ids, batch.documents, strict=True):
        for document in range(int(documents.max())):
            ids = row[documents == document]
            assert ids[0] == BOS
            assert ids[-1] == EOS
        assert set(row[documents < 0].tolist()) <= {PAD}


def test_a_target_is_the_next_id_of_the_same_conversation() -> None:
    batch = Packer(Codec(tokenizer_path()), sample, rows=2, time=512, places=400).batch(3, 1)
    ids, documents = batch.ids.ravel(), batch.documents.ravel()
    for place, target, weight in zip(batch.places, batch.targets, batch.weights, strict=True):
        if weight and (place + 1) % 512:
            assert ids[place + 1] == target
            assert documents[place + 1] == documents[place]
