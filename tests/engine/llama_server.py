"""Stands in for a llama-server that somebody built: its command line, before the wheel's engine.

`write_server(path)` makes it executable; `but` changes what it does, as a line of Python that runs first.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SERVER = """#!{python}
import argparse, os, signal, sys
{but}
import xllamacpp

options = argparse.ArgumentParser(prog="llama-server", allow_abbrev=False)
for name in ("--model", "--alias", "--host", "--api-key-file", "--fit", "--mmproj",
             "--cache-type-k", "--cache-type-v"):
    options.add_argument(name)
for name in ("--ctx-size", "--parallel", "--batch-size", "--ubatch-size", "--threads", "--threads-batch",
             "--n-gpu-layers", "--cache-ram", "--log-verbosity", "--image-min-tokens",
             "--image-max-tokens"):
    options.add_argument(name, type=int)
for name in ("--kv-unified", "--no-context-shift", "--metrics", "--slots", "--offline"):
    options.add_argument(name, action="store_true")
asked = options.parse_args()

p = xllamacpp.CommonParams()
p.model.path = asked.model
p.hostnames = [asked.host]
p.api_keys = open(asked.api_key_file).read().split()
p.n_ctx, p.n_parallel, p.kv_unified = asked.ctx_size, asked.parallel, asked.kv_unified
p.n_batch, p.n_ubatch = asked.batch_size, asked.ubatch_size
p.cpuparams.n_threads = asked.threads
p.cpuparams_batch.n_threads = asked.threads_batch
p.cache_ram_mib = asked.cache_ram
p.fit_params = asked.fit != "off"
p.ctx_shift = not asked.no_context_shift
p.endpoint_metrics, p.endpoint_slots = asked.metrics, asked.slots
p.ui, p.offline, p.verbosity = False, asked.offline, asked.log_verbosity
server = xllamacpp.Server(p)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
while True:
    signal.pause()
"""


def write_server(path: Path, but: str = "") -> Path:
    path.write_text(_SERVER.format(python=sys.executable, but=but))
    path.chmod(0o755)
    return path
