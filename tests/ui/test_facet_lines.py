"""The values to choose from, above the list of samples on a large terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.builders.screen import settled, table, text
from wgen_tui.paths import Home
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.facets import FacetModal
from wgen_tui.ui.state.answers.choices import Choice, Group
from wgen_tui.ui.state.answers.facet_lines import lines


@pytest.mark.parametrize("width", [20, 47, 48, 80, 200])
def test_every_value_stands_once_within_the_width(width: int) -> None:
    groups = [
        Group(f"field {g}", [Choice("arm", n, f"{g}字{n}", 10**n, n == 1) for n in range(6)])
        for g in range(3)
    ]
    drawn = lines(groups, width, None)
    places = [piece.place for line in drawn for piece in line if piece.place is not None]
    assert places == list(range(18))
    assert all(sum(cell_len(piece.text) for piece in line) <= width for line in drawn)
    assert sum(piece.text.startswith("✓") for line in drawn for piece in line) == 3


def counts(app: WgenApp) -> dict[str, str]:
    """Arm -> its count, as the line says them, with the sign of what is chosen."""
    line = next(line for line in text(app).splitlines() if " arm " in line and " · " in line)
    parts = line.partition(" arm ")[2].partition("   ")[0].split(" ·")
    return {part.split()[-2]: part.split()[-1] + "✓" * ("✓" in part) for part in parts}


async def test_values_are_chosen_by_keys_and_by_the_mouse_without_a_dialog(home: Home) -> None:
    app = WgenApp(home, screen="samples", experiment="mini")
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30 and " arm " in text(app))
        await settled(pilot, lambda: "◆" not in text(app) and "▲ new 12" in text(app))
        height = table(app).region
        await pilot.press("f", "right", "space")
        await settled(pilot, lambda: len(table(app)) == 12 and not app.screen.loading_any)
        assert counts(app) == {"base": "6", "new": "12✓", "old": "12"}, "as if none was chosen"
        await pilot.press("right", "space")
        await settled(pilot, lambda: len(table(app)) == 24 and not app.screen.loading_any)
        assert "arm=new arm=old" in text(app) and table(app).region == height
        await pilot.press("enter", "j")
        assert app.focused is table(app) and table(app).cursor == 1
        y, line = next(
            (y, line) for y, line in enumerate(text(app).splitlines()) if " arm " in line
        )
        await pilot.click(offset=(line.index("new 12"), y))
        await settled(pilot, lambda: len(table(app)) == 12 and "arm=old" in text(app))
        await pilot.press("f")  # the click gave them the keys
        assert app.focused is table(app)
        await pilot.resize_terminal(120, 40)
        await settled(pilot, lambda: not app.screen.query_one("#facets").region)
        await pilot.press("f")
        await settled(pilot, lambda: isinstance(app.screen, FacetModal))
