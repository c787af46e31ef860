"""The first training rows of each arm, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from wgen_tui.terminal_text import printable
from wgen_tui.ui.state.cells import ACTIVE, BOLD, DIM
from wgen_tui.ui.state.format import plural
from wgen_tui.ui.state.shared.arm_colours import ArmColours

if TYPE_CHECKING:
    from experiments.schema import Definition
    from wgen_tui.services.experiments.authoring.arm_starts import ArmStart


def arms_text(
    definition: Definition, colours: ArmColours, starts: Mapping[str, ArmStart] | None
) -> Text:
    """Each arm with its role, its data and its first rows.

    Args:
        definition: The experiment.
        colours: Of its arms.
        starts: How the data of each arm begin; None while they are read.
    """
    text = Text()
    for name, arm in definition.arms.items():
        style = colours[name]
        text.append(f"{style.mark} {printable(name)}", f"{BOLD} {style.colour}")
        text.append(f"  {arm.role}", "" if arm.role == "treatment" else ACTIVE)
        told = arm.told or ", ".join(item.file for item in arm.files)
        text.append(f"  {printable(told)}\n", DIM)
        _rows(text, None if starts is None else starts.get(name))
    base = colours["base"]
    text.append(f"{base.mark} base", f"{BOLD} {base.colour}")
    return text.append("  untrained; always sampled\n")


def _rows(text: Text, start: ArmStart | None) -> None:
    if start is None:
        text.append("reading its rows…\n\n", DIM)
        return
    if start.rows is None:
        text.append("Its data are wrong: v says where.\n\n")
        return
    if not start.rows:
        text.append("No rows of its own: a model makes them, or others have trained it.\n\n")
        return
    for row in start.shown:
        text.append("\n")
        for role, content in row:
            text.append(f"{printable(role):10} ", DIM)
            text.append(f"{printable(content)}\n")
    more = start.rows - len(start.shown)
    text.append(f"\nand {plural(more, 'row')} more\n\n" if more else "\n", DIM)
