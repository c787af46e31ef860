"""The table of architectures in docs/models.md: what was seen of each, a row each.

Promises: no cell is written by hand. All of it takes minutes: `python docs/models.py
--architectures` writes it, and a test tries some of the rows.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.zoo.configs import ARCHITECTURES
from tests.zoo.trials import Trial, try_architecture
from wgen_tui.services.models.support import NO_LORA, REFUSED, examples
from wgen_tui.workers.runtime import WorkerError

HEAD = (
    "| architecture | trained | packed | sampled | equal to | remarks |",
    "|---|---|---|---|---|---|",
)


def lines() -> Iterator[str]:
    """The section."""
    rows = [row(name) for name in ARCHITECTURES]
    refused = sum("| refused |" in line for line in rows)
    yield (
        f"{len(rows)} architectures: {len(rows) - refused} train, sample and are verified, "
        f"{refused} are refused."
    )
    yield ""
    yield from HEAD
    yield from rows


def row(name: str) -> str:
    """Try an architecture."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        try:
            trial = try_architecture(name, Path(folder))
        except WorkerError as refused:
            assert name in REFUSED, f"{name} is not refused by the plan: {refused.message}"
            return f"| {name} | refused | – | – | – | {REFUSED[name]} |"
    assert name not in REFUSED, f"{name} works, and the plan refuses it"
    return row_of(trial)


def row_of(trial: Trial) -> str:
    """The row of an architecture that was not refused."""
    learns = trial.losses[0] != trial.losses[-1] and len(trial.idle) < trial.adapters
    cells = (
        trial.name,
        ("alone" if trial.alone else "in a stack") if learns else "**not**",
        "yes" if trial.packed else "no",
        "yes" if trial.same_draws and trial.like_uncached else "**wrong**",
        trial.against if trial.verified else f"**{trial.apart:.0e} from {trial.against}**",
        "; ".join(_remarks(trial)),
    )
    return f"| {' | '.join(cells)} |"


def _remarks(trial: Trial) -> Iterator[str]:
    if trial.name in NO_LORA:
        module, why = NO_LORA[trial.name]
        yield f"LoRA on {', '.join(examples(trial.name))}: `{module}` takes none, {why}"
    if "parameter" in trial.alone:
        yield "PEFT's `all-linear` puts LoRA on the experts too"
    elif trial.alone:
        idle = f"{len(trial.idle)} of {trial.adapters} modules"
        yield f"not all modules are called: {idle} stay as they were, which the run says"
    if trial.against != "TRL":
        yield "TRL 1.16 itself fails"
