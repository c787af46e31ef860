"""A real server of a model: `transformers serve` on loopback, which can be killed half-way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from experiments.tiny_world import weights_path

PROGRAM = Path(sys.executable).with_name("transformers")


class Server:
    """`transformers serve` in a process of its own; counts the completions that it logs."""

    def __init__(self, model: Path, port: int, cache: Path) -> None:
        self._args = [str(PROGRAM), "serve", str(model), "--host", "127.0.0.1"]
        self._args += ["--port", str(port), "--device", "cpu"]
        self._env = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
        self._process: subprocess.Popen[str] | None = None
        self.answers = 0

    def start(self, kill_after: int | None = None) -> None:
        """Start, and return when it listens; SIGKILL itself after so many completions."""
        process = subprocess.Popen(
            self._args,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._process = process
        said = []
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if "Uvicorn running" in line:
                break
        else:
            pytest.fail("the server did not start:\n" + "".join(said[-20:]))
        threading.Thread(target=self._listen, args=(process, kill_after), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str], kill_after: int | None) -> None:
        count = 0
        assert process.stdout is not None
        for line in process.stdout:  # read to the end, lest the pipe fills
            answered = "POST /v1/chat/completions" in line
            count += answered
            self.answers += answered
            if count == kill_after:
                process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sampling_model(folder: Path) -> Path:
    """The embedded model, told to sample: without that, the server takes the likeliest token."""
    shutil.copytree(weights_path(), folder)
    path = folder / "generation_config.json"
    config = {**json.loads(path.read_text()), "do_sample": True, "top_k": 0}
    path.write_text(json.dumps(config))
    return folder
