"""The columns of a list of samples: those that the width suggests, or those that were chosen.

Promises: samples of several experiments or models never stand in one list without a column that
names theirs; the completion is always there, and last, with room to be read unless columns were
chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wgen_tui.terminal_text import one_line
from wgen_tui.ui.state import format as show
from wgen_tui.ui.state.answers import folds
from wgen_tui.ui.state.cells import BAD, PLAIN, Cell, Column, Span
from wgen_tui.ui.state.samples import grade, said

if TYPE_CHECKING:
    from store.samples.listing import Listing
    from store.samples.rows import SampleRow
    from wgen_tui.ui.state.shared.arm_colours import ArmColours

Colours = Callable[[str], "ArmColours | None"]  # of an experiment, once its arms are known
Cells = Callable[["SampleRow"], list[Cell]]
LAST = "completion"
# Heading -> the column, and what stands in it; of those without a place in DEFAULT the screen says
# nothing unless they are chosen.
OFFERED: dict[str, tuple[Column, Callable[[SampleRow], Cell]]] = {
    "experiment": (Column("experiment", 16), lambda row: Cell(one_line(row.experiment, 40))),
    "model": (Column("model", 14), lambda row: Cell(one_line(row.model, 40))),
    "arm": (Column("arm", 17), lambda row: Cell(one_line(row.arm, 40))),
    "seed": (Column("seed", 4, "right"), lambda row: Cell(str(row.seed))),
    "step": (Column("step", 6, "right", hide_below=110), lambda row: Cell(str(row.step))),
    "question": (Column("question", 12), lambda row: Cell(one_line(row.question, 40))),
    "p": (Column("p", 2, "right", hide_below=140), lambda row: Cell(str(row.paraphrase))),
    "variant": (
        Column("variant", 10, hide_below=110),
        lambda row: Cell("" if row.variant == "none" else one_line(row.variant, 20)),
    ),
    "draw": (Column("draw", 4, "right", hide_below=140), lambda row: Cell(str(row.draw))),
    "grade": (Column("grade", 14), grade),
    "tokens": (Column("tokens", 6, "right"), lambda row: Cell(show.count(row.tokens))),
    "finish": (
        Column("finish", 8),
        lambda row: Cell(
            one_line(row.finish_reason or show.MISSING, 20),
            PLAIN if row.finish_reason == "stop" else BAD,
        ),
    ),
    LAST: (Column(LAST, 0), said),
}
DEFAULT = ("arm", "seed", "step", "question", "p", "variant", "draw", "grade", LAST)

# Without a choice these give way to the completion on a narrow list: below how many columns, where
# none, one or both of experiment and model have a column of their own.
GIVE_WAY: tuple[dict[str, int], ...] = (
    {"question": 72},
    {"question": 90, "grade": 72},
    {"question": 105, "grade": 90, "seed": 72, "variant": 126},
)


def columns(
    chosen: Sequence[str],
    several: Sequence[str],
    colours: Colours,
    patterns: Sequence[re.Pattern[str]] = (),
    folded: Listing | None = None,
) -> tuple[tuple[Column, ...], Cells]:
    """Columns, and a row's cells.

    Args:
        chosen: Headings; none for the default.
        several: Of `experiment` and `model`, those of which more than one is listed.
        colours: The styles of an experiment's arms.
        patterns: What is marked in the completions.
        folded: The list, where a row stands for all samples that say the same.
    """
    names = [name for name in OFFERED if name in (chosen or DEFAULT) or name in (*several, LAST)]
    offered: dict[str, tuple[Column, Callable[[Any], Cell]]] = dict(OFFERED)
    if folded is not None:
        offered |= folds.COLUMNS
        names = ["n", *(name for name in names if not folds.hides(folded, name, bool(chosen)))]
    own = [offered[name][0] for name in names]
    give_way = GIVE_WAY[len(several)]
    own = [
        replace(column, hide_below=0 if chosen else give_way.get(name, column.hide_below))
        for name, column in zip(names, own, strict=True)
    ]

    own_cells: dict[str, Callable[[SampleRow], Cell]] = {
        **{name: offered[name][1] for name in names},
        "arm": lambda row: arm(row, colours(row.experiment)),
        LAST: lambda row: said(row, patterns),
    }

    def cells(row: SampleRow) -> list[Cell]:
        return [own_cells[name](row) for name in names]

    return tuple(own), cells


def arm(row: SampleRow, colours: ArmColours | None) -> Cell:
    """The arm behind its mark, once the arms of its experiment are known."""
    style = None if colours is None else colours.known(row.arm)
    name = one_line(row.arm, 40)
    if style is None:
        return Cell(f"  {name}")
    return Cell(f"{style.mark} {name}", spans=(Span(0, len(name) + 2, style.colour),))
