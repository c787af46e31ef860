"""Files of lines that grow: the new lines of one, and its last lines."""

from __future__ import annotations

import os
from pathlib import Path

from wgen_tui.plain_files import open_plain, why_not

# A home below a plain file is as good as none.
NOT_THERE = (FileNotFoundError, NotADirectoryError)


def read_new_lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    """The whole lines of `path` from `offset` on, and the offset to read from next.

    Raises:
        OSError: it is no file that can be read.
    """
    try:
        with open_plain(path) as stream:
            stream.seek(offset)
            data = stream.read()
    except NOT_THERE:
        return [], offset
    end = data.rfind(b"\n") + 1
    return data[:end].splitlines(), offset + end


def tail_lines(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, read from its end; empty when there is none."""
    block = 16_384
    data = b""
    try:
        with open_plain(path) as stream:
            position = stream.seek(0, os.SEEK_END)
            while position > 0 and data.count(b"\n") <= lines:
                step = min(block, position)
                position = stream.seek(position - step)
                data = stream.read(step) + data
                stream.seek(position)
    except NOT_THERE:
        return []
    except OSError as error:
        return [f"{path} cannot be read: {why_not(error)}."]
    # Progress bars rewrite their line with \r: what was shown last counts.
    text = [line.rsplit("\r", 1)[-1] for line in data.decode("utf-8", "replace").split("\n")]
    return [line for line in text if line][-lines:] if lines > 0 else []
