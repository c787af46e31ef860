"""Our two themes, what the colours of cells mean in them, and signs for a terminal without UTF-8.

Promises: cells name colours of the terminal's palette (`red`, `cyan`, `bright_yellow` …); here
each gets a colour that can be read on the theme's background, for every theme.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

RGB = tuple[int, int, int]
PATIENCE = 2.0  # seconds for an answer of tmux

DARK = Theme(
    name="wgen-dark",
    primary="#a99cf0",
    secondary="#8b95a5",
    accent="#a99cf0",
    warning="#e0b040",
    error="#ff6b6b",
    success="#63b577",
    foreground="#d8dde4",
    background="#11141a",
    surface="#161a21",
    panel="#1e242e",
    dark=True,
)
LIGHT = Theme(
    name="wgen-light",
    primary="#5a45c9",
    secondary="#5c6570",
    accent="#5a45c9",
    warning="#8f5b00",
    error="#c4162a",
    success="#1d7a3a",
    foreground="#1c2128",
    background="#fbfbf8",
    surface="#f3f3ef",
    panel="#e6e6e1",
    dark=False,
)
THEMES = (DARK, LIGHT)


def _rgb(*colours: str) -> list[RGB]:
    return [Color.parse(colour).rgb for colour in colours]


# black, failed, good, warning, blue, magenta, accent, white; then grey and the arms' seven.
ANSI_DARK = TerminalTheme(
    Color.parse("#11141a").rgb,
    Color.parse("#d8dde4").rgb,
    _rgb("#1e242e", "#ff6b6b", "#63b577", "#e0b040", "#5c8dff", "#cc79a7", "#a99cf0", "#d8dde4"),
    _rgb("#8b95a5", "#e5733a", "#1fb58f", "#e69f00", "#5c8dff", "#dd8fbb", "#56b4e9", "#f0e442"),
)
ANSI_LIGHT = TerminalTheme(
    Color.parse("#fbfbf8").rgb,
    Color.parse("#1c2128").rgb,
    _rgb("#1c2128", "#c4162a", "#1d7a3a", "#8f5b00", "#0059a8", "#a4447a", "#5a45c9", "#1c2128"),
    _rgb("#66707c", "#b84a00", "#007a59", "#a86500", "#0059a8", "#a4447a", "#1b76b5", "#7d7300"),
)

SIGNS = {
    **dict.fromkeys("─━┄┈╌—–", "-"),
    **dict.fromkeys("│┃┆┊▏▎▍▌", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛╺╸╼╾", "+"),
    **dict.fromkeys("█▉▊▋▇▆▓", "#"),
    **dict.fromkeys("▅▄▃▒▀", "="),
    **dict.fromkeys("▂▁░·", "."),
    **dict.fromkeys("▶▸►›→", ">"),
    **dict.fromkeys("◀◂‹←", "<"),
    **dict.fromkeys("▾▼↓", "v"),
    **dict.fromkeys("▲▴↑", "^"),
    **dict.fromkeys("■◼◾", "#"),
    **dict.fromkeys("●•★✱", "*"),
    **dict.fromkeys("○◌□◯", "o"),
    **dict.fromkeys("✗×⊘", "x"),
    **dict.fromkeys("≥≤±−≈", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’", "'"),
    "◆": "%",
    "✚": "+",
    "≠": "!",
    "◈": "*",
    "¶": "n",
    "✓": "v",
    "‖": "=",
    "⚠": "!",
    "…": "~",
    "«": "<",
    "»": ">",
    "≥": ">",
    "≤": "<",
    "±": "+",
    "◉": "@",
    "⟦": "[",
    "⟧": "]",
    "¦": "|",
    "␊": "$",
    "␣": "_",
    "§": "S",
    **dict.fromkeys("²₂", "2"),
    "₁": "1",
    "⋯": "~",
    "ρ": "r",
    "Δ": "d",
}


class AsciiSigns(LineFilter):
    """For a terminal that shows no UTF-8: ASCII of the same width, so columns stay straight."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII; what has no sign is a question mark for each of its cells."""
        return [
            segment
            if segment.text.isascii()
            else Segment(_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def _ascii(text: str) -> str:
    return "".join(sign if sign.isascii() else SIGNS.get(sign) or _unknown(sign) for sign in text)


def _unknown(sign: str) -> str:
    if "⠀" <= sign <= "⣿":  # braille: the dots of a curve
        return " " if sign == "⠀" else "*"
    if "␀" <= sign <= "␡":  # what stands for a control character
        return "^"
    return "?" * cell_len(sign)


def shows_utf8(environment: Mapping[str, str]) -> bool:
    """Whether the client's locale says that its terminal shows UTF-8; unsaid, it does.

    The first of these variables that is set decides, as it does for tmux and ssh. Where none is,
    tmux is asked: it draws what its client does not show as underscores.
    """
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := environment.get(name):
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return not environment.get("TMUX") or _client_of_tmux_shows_utf8(environment)


def _client_of_tmux_shows_utf8(environment: Mapping[str, str]) -> bool:
    ask = ["tmux", "display-message", "-p", "#{client_utf8}"]
    try:
        done = subprocess.run(
            ask, env=dict(environment), capture_output=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return True
    return done.stdout.strip() != b"0"
