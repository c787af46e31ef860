"""Files of lines that grow: the new lines of one, and its last lines."""

from __future__ import annotations

import os
from pathlib import Path


def read_new_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """The whole lines of `path` from `offset` on, and the offset to read from next."""
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return data[:end].splitlines(), offset + end


def tail_lines(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, read from its end; empty when there is none."""
    block = 16_384
    data = b""
    try:
        with path.open("rb") as stream:
            position = stream.seek(0, os.SEEK_END)
            while position > 0 and data.count(b"\n") <= lines:
                step = min(block, position)
                position = stream.seek(position - step)
                data = stream.read(step) + data
                stream.seek(position)
    except FileNotFoundError:
        return []
    # Progress bars rewrite their line with \r: what was shown last counts.
    text = [line.rsplit("\r", 1)[-1] for line in data.decode("utf-8", "replace").split("\n")]
    return [line for line in text if line][-lines:] if lines > 0 else []
