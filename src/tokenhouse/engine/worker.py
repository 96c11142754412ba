"""The child process: one model, served by llama.cpp on a unix socket.

Run by path with `python -P`; it imports the standard library and xllamacpp only, so that nothing
of the house is loaded twice. Its configuration comes as one JSON line on stdin (the key is never
on a command line or in an environment); it answers with one JSON line on stdout: `{"ready": …}`
or `{"error": …, "kind": …}`. It lives as long as stdin is open. llama.cpp writes to stderr. Told to
`run` another program, it becomes that.

No handler of its own: SIGTERM's default ends it at once, also while a load holds the interpreter
lock, and skips llama.cpp's own shutdown, which hangs with work in flight.
"""

import ctypes
import json
import os
import signal
import sys
import time
from importlib import import_module
from typing import Any

PR_SET_PDEATHSIG = 1
LOG_S = 0.3
"""llama.cpp writes its log from a thread of its own and can't be asked to finish: why it refused a model
stands there alone."""
IMAGE_TOKENS = (1, 3136)
"""Fewest and most patches of one image: the house has resized it, llama.cpp must not again."""


def main() -> None:
    config = json.loads(sys.stdin.buffer.readline())
    if config["die_with_parent"] and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != config["parent"]:
            os._exit(0)
    if "run" in config:
        become(config["run"])
    answer = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # llama.cpp may print; the answer line stays ours
    for to_the_group in (signal.SIGINT, signal.SIGHUP):  # the parent decides what they mean
        signal.signal(to_the_group, signal.SIG_IGN)

    def fail(kind: str, message: str) -> None:
        answer.write(json.dumps({"error": message, "kind": kind}) + "\n")
        answer.flush()
        os._exit(3)

    try:
        xllamacpp: Any = import_module("xllamacpp")  # it has no types
    except ImportError as error:
        return fail("missing", str(error))
    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    devices = [device["name"] for device in xllamacpp.get_device_info() if device["type"] != cpu]
    if config["available"] is not None and config["need"] > config["available"] and not devices:
        return fail("memory", "")
    try:
        server = xllamacpp.Server(parameters(xllamacpp, config))
    except RuntimeError as error:
        time.sleep(LOG_S)
        return fail("load", str(error))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever llama.cpp made of them
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ready = {"ready": server.listening_address, "pid": os.getpid(), "devices": devices}
    answer.write(json.dumps(ready) + "\n")
    answer.flush()
    while os.read(0, 4096):
        pass
    os._exit(0)


def become(command: list[str]) -> None:
    """Be a program that knows nothing of its parent: it dies with it (Linux keeps that over exec),
    hears no Ctrl-C of the terminal, and logs to one place."""
    os.setsid()
    os.dup2(2, 1)
    try:
        os.execv(command[0], command)  # nosec B606
    except OSError as error:
        os.write(2, f"0.00 E {error.strerror}\n".encode())
        os._exit(126)


def parameters(xllamacpp: Any, config: dict[str, Any]) -> Any:
    p = xllamacpp.CommonParams()
    p.model.path = config["model"]
    if config["projector"] is not None:
        p.mmproj.path = config["projector"]
        p.image_min_tokens, p.image_max_tokens = IMAGE_TOKENS
    p.model_alias = {"engine"}
    p.hostnames = [config["socket"]]
    p.api_keys = [config["key"]]
    p.ui = False
    p.endpoint_metrics = True
    p.endpoint_slots = True
    p.n_ctx = config["n_ctx"]
    p.n_parallel = config["slots"]
    p.kv_unified = True  # else every slot gets n_ctx / slots
    p.ctx_shift = False
    p.fit_params = False  # else n_ctx is lowered in silence
    p.n_batch = config["n_batch"]
    p.n_ubatch = min(config["n_batch"], 512)
    p.cpuparams.n_threads = config["threads"]
    p.cpuparams_batch.n_threads = config["threads"]
    p.n_gpu_layers = config["gpu_layers"]
    p.cache_ram_mib = config["cache_ram_mib"]
    kv = getattr(xllamacpp.ggml_type, f"GGML_TYPE_{config['kv'].upper()}")
    p.cache_type_k = p.cache_type_v = kv
    p.verbosity = config["verbosity"]
    p.log_json = False
    p.offline = True
    return p


if __name__ == "__main__":
    main()
