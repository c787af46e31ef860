"""A completion with its tokens' probabilities: shades that need no colour, or a number for each.

Promises: what was drawn passes through `printable`; a shade is an underline, bold or reverse, so a
terminal without colour shows it too; the legend says what each means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.cells import BOLD, DIM
from wgen_tui.ui.state.plots import progress

if TYPE_CHECKING:
    from wgen_tui.services.models.sample_tokens import DrawnToken

Mode = Literal["", "shades", "numbers"]
NEXT: dict[Mode, Mode] = {"": "shades", "shades": "numbers", "numbers": ""}
# Probability from which on a token is shaded so; the likeliest first.
SHADES = ((0.5, ""), (0.1, "underline"), (0.01, "bold underline"), (0.0, "reverse"))
BAR = 10
NONE = (
    "No log-probabilities of tokens are kept of this sample: sampling: {logprobs: true} in the "
    "definition keeps them of what is drawn from then on."
)
NO_TOKENIZER = "The tokenizer of its model is not on this machine: numbers without texts.\n"


def shade(logprob: float) -> str:
    """The style of a token."""
    probability = math.exp(min(logprob, 0.0))
    return next(style for least, style in SHADES if probability >= least)


def legend() -> Text:
    """What the shades mean."""
    text = Text("tokens of  ", DIM)
    words = ("50% or more", "10%", "1%", "less")
    for word, (_, style) in zip(words, SHADES, strict=True):
        text.append(word, style)
        text.append("  ", DIM)
    text.append("p shows numbers\n", DIM)
    return text


def shown(tokens: Sequence[DrawnToken], mode: Mode) -> Text:
    """The completion's tokens as the mode has them."""
    if not tokens:
        return Text(f"{NONE}\n", DIM)
    if any(token.text is None for token in tokens):
        text = Text(NO_TOKENIZER, DIM)
        return text.append_text(_numbers(tokens))
    if mode == "numbers":
        return _numbers(tokens)
    text = legend()
    for token in tokens:
        text.append(_visible(token), shade(token.logprob))
    return text.append("\n")


def _visible(token: DrawnToken) -> str:
    """A token's text; a line break is seen, since it is drawn like all else."""
    return printable(token.text or "").replace("\n", "␊\n")


def _numbers(tokens: Sequence[DrawnToken]) -> Text:
    text = Text(f"{'':4}{'p':>6} {'log p':>8}  p hides\n", DIM)
    for place, token in enumerate(tokens, start=1):
        probability = math.exp(min(token.logprob, 0.0))
        text.append(f"{place:>3} ", DIM)
        text.append(f"{probability:>6.1%} {token.logprob:>8.3f} ")
        text.append(f"{progress(round(100 * probability), 100, BAR)} ", DIM)
        said = f"token {token.token}" if token.text is None else _quoted(token.text)
        text.append(f"{said}\n", BOLD)
    total = sum(token.logprob for token in tokens)
    text.append(f"sum {total:.3f}, mean {total / len(tokens):.3f} a token\n", DIM)
    return text


def _quoted(said: str) -> str:
    return f'"{printable(said, keep_newlines=False)}"' if said else "(with the next)"
