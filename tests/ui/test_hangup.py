"""Screens end with their terminal, also where no signal tells them."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

OPEN = "import sys; from wgen_tui.cli.main import main; sys.exit(main())"
PATIENCE = 60.0  # seconds


def test_screens_without_a_controlling_terminal_end_with_it(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-c", OPEN, "--home", str(tmp_path / "home")]
    # A session of its own without TIOCSCTTY: the kernel tells nobody of the terminal's end.
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    try:
        shown = b""
        while b"\x1b[?1049h" not in shown:  # the screens are up
            assert select.select([master], [], [], PATIENCE)[0]
            shown += os.read(master, 65536)
        os.close(master)
        assert process.wait(PATIENCE) == -signal.SIGHUP
    finally:
        process.kill()
        process.wait()
