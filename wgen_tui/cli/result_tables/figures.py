"""`results --figure`: the picture of the screen Results as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from wgen_tui.cli.output import say
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wgen_tui.services.results.results import Results

KINDS = (".svg", ".csv")
VIEWS = {"question": "grid", "seed": "seeds"}  # of what `--by` asks for


def check_figure(target: Path) -> None:
    """Refuse a file of another kind, before anything is computed.

    Raises:
        UsageError: it has none of the endings.
    """
    if target.suffix not in KINDS:
        raise UsageError(
            f"{target.name} is no kind of figure.",
            title="Figure",
            hint=f"End it in {' or '.join(KINDS)}.",
        )


def write_figure(home: Home, results: Results, target: Path, by: Sequence[str]) -> None:
    """Write arms and differences; or, with one `--by`, the questions or the seeds.

    Raises:
        UsageError: the file cannot be written.
    """
    from wgen_tui.services.data.sql import whole_file
    from wgen_tui.services.experiments import definitions
    from wgen_tui.ui.state.figures.figure import as_csv
    from wgen_tui.ui.state.figures.svg import as_svg
    from wgen_tui.ui.state.outcomes.pictures import figure_of
    from wgen_tui.ui.state.outcomes.views import places_of
    from wgen_tui.ui.state.shared.arm_colours import ArmColours

    try:
        arms = list(definitions.load(home, results.experiment).arms)
    except UsageError:  # results say so; the arms take their colours as they come
        arms = []
    drawn = figure_of(results, VIEWS.get(by[0], "arms") if len(by) == 1 else "arms")
    places = places_of(results, ArmColours(arms))
    text = as_csv(drawn) if target.suffix == ".csv" else as_svg(drawn, places)
    with whole_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(f"Wrote {target}.")
