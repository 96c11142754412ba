"""Write a checkpoint as GGUF: `python -m training.export CHECKPOINT GGUF`.

The averaged weights are taken unless `--last` is given. The last norm is scaled by `--sharpen`,
so that a temperature of 0.7 keeps to what the network holds likeliest. `--check` compares the file's
probabilities, computed by llama.cpp, with the network's own.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch

from training.engine import Engine
from training.model import Shape, Starter
from training.tokenizer import BOS, END_INST, EOS, INST, PAD, Codec, write_tekken

NAMES = {"Q8_0": 7, "F16": 1, "F32": 0}


def main() -> None:
    p = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    p.add_argument("checkpoint", type=Path)
    p.add_argument("gguf", type=Path, help="the file to write; tekken.json is put beside it")
    p.add_argument("--type", choices=tuple(NAMES), default="Q8_0")
    p.add_argument("--last", action="store_true", help="the last weights, not their average")
    p.add_argument("--sharpen", type=float, default=2.0, help="factor on the scores; 1: none")
    p.add_argument("--check", action="store_true")
    args = p.parse_args()
    model = load(args.checkpoint, average=not args.last)
    with torch.no_grad():
        model.output_norm.weight.mul_(args.sharpen)
    tekken = args.gguf.with_name("tekken.json")
    if not tekken.exists():
        write_tekken(tekken)
    codec = Codec(tekken)
    write(model, codec, args.gguf, args.type)
    print(f"{args.gguf}: {args.gguf.stat().st_size / 1e6:.2f} MB, {size(model):,} parameters")
    if args.check:
        print(f"largest difference of log-probabilities: {difference(model, codec, args.gguf):.4f}")


def load(checkpoint: Path, *, average: bool) -> Starter:
    """The network of a checkpoint, on the CPU."""
    state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = Starter(Shape(**state["shape"]))
    model.load_state_dict(state["average"] if average else state["model"])
    return model.eval()


def size(model: Starter) -> int:
    return sum(p.numel() for p in model.parameters())


def write(model: Starter, codec: Codec, target: Path, kind: str = "Q8_0") -> None:
    """Write metadata, vocabulary and tensors; matrices quantised, norms in 32 bits."""
    s = model.shape
    w = gguf.GGUFWriter(str(target), "llama")
    w.add_name("Tokenhouse starter")
    w.add_author("The Tokenhouse authors")
    w.add_license("Apache-2.0")
    w.add_context_length(s.context)
    w.add_embedding_length(s.width)
    w.add_block_count(s.layers)
    w.add_feed_forward_length(s.hidden)
    w.add_head_count(s.heads)
    w.add_head_count_kv(s.kv_heads)
    w.add_key_length(s.head_width)
    w.add_value_length(s.head_width)
    w.add_rope_dimension_count(s.head_width)
    w.add_layer_norm_rms_eps(s.norm_eps)
    w.add_rope_freq_base(s.rope_theta)
    w.add_file_type(NAMES[kind])
    _vocabulary(w, codec)
    quantised = gguf.GGMLQuantizationType[kind]
    for name, p in model.named_parameters():
        values = p.detach().float().numpy()
        if values.ndim == 1:
            w.add_tensor(name, values)
        else:
            w.add_tensor(name, gguf.quants.quantize(values, quantised), raw_dtype=quantised)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def _vocabulary(w: gguf.GGUFWriter, codec: Codec) -> None:
    """Byte-level tokens, and every split of a token as a merge, in the order of ranks."""
    tekken = codec.tekken
    reserved = tekken.num_special_tokens
    ranks: dict[bytes, int] = tekken._model._mergeable_ranks  # pyright: ignore
    texts = {rank: text for text, rank in ranks.items()}
    spell = _byte_letters()
    tokens = [tekken.id_to_piece(i) for i in range(reserved)]
    tokens += ["".join(spell[b] for b in texts[i]) for i in range(len(texts))]
    kinds = [int(gguf.TokenType.CONTROL)] * reserved + [int(gguf.TokenType.NORMAL)] * len(texts)
    merges: list[str] = []
    for rank in range(256, len(texts)):
        text = texts[rank]
        cuts = [(text[:i], text[i:]) for i in range(1, len(text))]
        pairs = sorted((ranks[a], ranks[b], a, b) for a, b in cuts if a in ranks and b in ranks)
        for _, _, a, b in pairs:
            merges.append("".join(spell[x] for x in a) + " " + "".join(spell[x] for x in b))
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("tekken")
    w.add_token_list(tokens)
    w.add_token_types(kinds)
    w.add_token_merges(merges)
    w.add_bos_token_id(BOS)
    w.add_eos_token_id(EOS)
    w.add_unk_token_id(0)
    w.add_pad_token_id(PAD)
    w.add_add_bos_token(True)
    w.add_add_eos_token(False)
    w.add_vocab_size(len(tokens))
    w.add_chat_template((Path(__file__).parent / "template.jinja").read_text("utf-8"))


def _byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes: printable ones stand for themselves, others from U+0100 on."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {b: chr(b) for b in plain}
    for b in range(256):
        letters.setdefault(b, chr(256 + len(letters) - len(plain)))
    return letters


def difference(model: Starter, codec: Codec, path: Path) -> float:
    """The largest gap between the file's and the network's ten likeliest next tokens."""
    worst = 0.0
    with Engine(path) as engine:
        for text in (
            "Hello!",
            "How do I get a key?",
            "What does 402 mean?",
            "3 + 4",
            "Who are you?",
        ):
            ids = [BOS, INST, *codec.text(text), END_INST]
            with torch.no_grad():
                scores = model.scores(model.hidden(torch.tensor([ids])))[0, -1].float()
            mine = torch.log_softmax(scores, -1).numpy()
            for token, value in engine.likeliest(ids, 10):
                if value > math.log(1e-3):
                    worst = max(worst, abs(float(np.float32(mine[token])) - value))
    return worst


if __name__ == "__main__":
    main()
