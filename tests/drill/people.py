"""The user of the drill: commands and screens of the installed program, in one home."""

from __future__ import annotations

import fcntl
import json
import os
import random
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.drill.world import SLUG, seeds_of

PROGRAM = Path(sys.executable).with_name("wgen-tui")


@dataclass
class Client:
    """A command or the screens, in a session of their own, as in a terminal."""

    kind: str
    process: subprocess.Popen[bytes]
    terminal: int | None = None

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def close(self) -> None:
        """End it as a terminal that is closed does, and wait."""
        if not self.ended:
            self.process.kill()
        self.process.wait()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None


@dataclass
class User:
    """Starts what a user would."""

    home: Path
    rng: random.Random
    used: dict[str, int] = field(default_factory=dict)

    def call(self, *args: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """A command to its end."""
        command = [str(PROGRAM), "--home", str(self.home), *args]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )

    def json(self, *args: str) -> Any:
        done = self.call(*args, "--json")
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(args)}: exit {done.returncode}\n{done.stderr}")
        return json.loads(done.stdout)

    def states(self) -> dict[str, dict[str, Any]]:
        """`run list` by run."""
        return {run["id"]: run for run in self.json("run", "list")["runs"]}

    def start(self, number: int) -> Client:
        """`run start` of a round: once more, if it was started before."""
        return self._open("run start", "run", "start", SLUG, "--seeds", seeds_of(number))

    def look(self) -> Client:
        """Follow what is under way, by the command or in the screens."""
        if self.rng.random() < 0.5:
            return self._open("run watch", "run", "watch")
        return self.screens()

    def screens(self) -> Client:
        """The screens, on a terminal of 120 x 40."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        client = self._open("screens", terminal=theirs)
        os.close(theirs)
        client.terminal = ours
        threading.Thread(target=_drain, args=(os.dup(ours),), daemon=True).start()
        return client

    def _open(self, kind: str, *args: str, terminal: int | None = None) -> Client:
        self.used[kind] = self.used.get(kind, 0) + 1
        stream = subprocess.DEVNULL if terminal is None else terminal
        process = subprocess.Popen(
            [str(PROGRAM), "--home", str(self.home), *args],
            stdin=stream,
            stdout=stream,
            stderr=stream,
            env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        return Client(kind, process)


def _drain(terminal: int) -> None:
    """Read what the screens draw, so that they never wait for us."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other side has closed
        pass
    os.close(terminal)
