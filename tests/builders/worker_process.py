"""Workers in processes of their own that need no start: forked off one that has the imports made.

A worker's start is torch and transformers, four seconds of a core, and much the same each time.
What happens to a worker at its work (a kill, a signal, a full disk) is tested on these. They are as
the supervisor starts them, less what `accelerate launch` sets up and their command lines; the
environment is that of the first one.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.runs import process

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [f"wgen_tui.workers.{stage}.stage" for stage in ("train", "sample", "model_judge")]
)


class WorkerProcess:
    """What a test does with a `Popen`."""

    def __init__(self, home: Home, spec: LaunchSpec) -> None:
        line = process.argv(home, spec)
        module = len(line) - line[::-1].index("-m")
        words = tuple(line[module:])
        self._process = _CONTEXT.Process(target=_work, args=words, daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int:
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def kill(self) -> None:
        self._process.kill()

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        if self.poll() is None:
            os.kill(self._process.pid, number)


def _work(module: str, *words: str) -> None:
    """Be the program `python -m module words`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silent, stream)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
