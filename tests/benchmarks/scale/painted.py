"""What a program has painted on a terminal: its bytes as lines of text, without colours."""

from __future__ import annotations

import re

from rich.cells import cell_len

# What a Textual application sends: places, colours, modes, titles, and text.
PIECES = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H|\x1b\[[0-9;:?<>=$]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*"
    r"(?:\x07|\x1b\\)|\x1b.|(?P<end>[\r\n])|(?P<text>[^\x00-\x1f]+)|[\x00-\x1f]"
)
COLOURS = re.compile(rb"\x1b\[[0-9;:]*m")


def without_colours(data: bytes) -> bytes:
    """The bytes in which a text stands in one piece, whatever colours its words have."""
    return COLOURS.sub(b"", data)


def painted(data: bytes, columns: int, lines: int) -> str:
    """The text that stands on the screen after these bytes, without empty lines at its end.

    Args:
        data: All that a program wrote.
        columns: Of the terminal.
        lines: Of the terminal.
    """
    cells = [[" "] * columns for _ in range(lines)]
    row = column = 0
    for piece in PIECES.finditer(data.decode(errors="replace")):
        if piece["row"]:
            row, column = int(piece["row"]) - 1, int(piece["column"]) - 1
        elif piece["end"] == "\r":
            column = 0
        elif piece["end"]:
            row += 1
        elif piece["text"] and row < lines:
            for character in piece["text"]:
                width = cell_len(character)
                if width and column + width <= columns:
                    cells[row][column : column + width] = [character, *[""] * (width - 1)]
                    column += width
    return "\n".join("".join(line).rstrip() for line in cells).rstrip()
