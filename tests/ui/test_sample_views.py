"""How samples are listed: saved views, columns, and whose they are."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import Snapshot, messages, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.services.data import saved_views
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal, PickModal
from wgen_tui.ui.modals.views import ViewsModal
from wgen_tui.ui.state.answers import sample_columns


async def test_a_view_is_saved_listed_again_and_taken_away(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        await pilot.press("slash", *"arm=old label=era:old", "enter")
        await settled(pilot, lambda: len(table(app)) == 12)
        await pilot.press("C")
        await settled(pilot, lambda: isinstance(app.screen, PickModal))
        await pilot.press("space", "enter")  # experiment, the first
        await settled(pilot, lambda: "experiment" in text(app))
        await pilot.press("V")
        await settled(pilot, lambda: isinstance(app.screen, ViewsModal))
        assert "None yet." in text(app)
        await pilot.press("s")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        assert "arm=old label=era:old" in text(app)
        await pilot.press("enter")
        assert "A view has a name" in text(app)
        await pilot.press(*"old ones", "enter")
        await settled(pilot, lambda: "old ones is saved; V lists it again." in messages(app))
    (view,) = saved_views.listed(home)
    assert (view.name, view.filter) == ("old ones", "arm=old label=era:old")
    assert "experiment" in view.columns
    app = WgenApp(home, screen="samples")  # another screen, on the same home
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        assert "mini" not in text(app)
        await pilot.press("V")
        await settled(pilot, lambda: isinstance(app.screen, ViewsModal) and "old ones" in text(app))
        await pilot.press("enter")
        await settled(pilot, lambda: len(table(app)) == 12 and "mini" in text(app))
        await pilot.press("V")
        await settled(pilot, lambda: isinstance(app.screen, ViewsModal))
        await pilot.press("x")
        await settled(pilot, lambda: "old ones is taken away." in messages(app))
    assert saved_views.listed(home) == []


async def test_of_one_name_the_newest_view_counts(home: Home) -> None:
    saved_views.save(home, "one", "arm=old")
    saved_views.save(home, "one", "arm=new", ("arm",))
    assert [(v.filter, v.columns) for v in saved_views.listed(home)] == [("arm=new", ("arm",))]


async def test_what_cannot_be_written_down_is_no_view(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        app.show_samples({"arm": "old", "behind": None})
        await settled(pilot, lambda: len(table(app)) == 12)
        await pilot.press("V")
        await settled(pilot, lambda: isinstance(app.screen, ViewsModal))
        await pilot.press("s")
        await settled(pilot, lambda: messages(app))
        assert "no filter that can be written down" in messages(app)[0]


async def test_samples_of_several_experiments_say_whose_they_are(
    mini: MiniHome, home: Home
) -> None:
    mini.definition("other", DEFINITION)
    run = next(home.runs.glob("mini-old-s0-*"))
    twin = home.runs / "other-old-s0-0000000000"
    twin.mkdir()
    spec = (run / "spec.json").read_text().replace(run.name, twin.name)
    (twin / "spec.json").write_text(spec.replace('"experiment": "mini"', '"experiment": "other"'))
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 30)
        assert "experiment " not in text(app).splitlines()[3]
        _draw_as(mini, twin.name)
        await pilot.press("r")
        await settled(pilot, lambda: len(table(app)) == 36)
        assert "experiment" in text(app).splitlines()[3]
        await pilot.press("G")
        await settled(pilot, lambda: "other · old · seed 0" in text(app))
        await pilot.press("slash", *"experiment=other", "enter")
        await settled(pilot, lambda: len(table(app)) == 6)
        assert "experiment " not in text(app).splitlines()[3]


def _draw_as(mini: MiniHome, run_id: str) -> None:
    """Samples of a run of `other`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    mini.draw(run_id, lambda question, draw: f"By coach {draw}")
    folder = mini.home.run(run_id).root
    for part in [*folder.glob("samples/*.parquet"), *folder.glob("prompts/*.parquet")]:
        rows = pq.read_table(part)
        place = rows.schema.get_field_index("experiment")
        names = pa.array(["other"] * rows.num_rows)
        pq.write_table(rows.set_column(place, rows.schema.field(place), names), part)


async def test_an_arm_has_its_colour_and_mark(home: Home) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(100, 40)) as pilot:
        await settled(pilot, lambda: "○ base" in text(app))
        assert "▲ new" in text(app), "the second of the definition"
        await pilot.press("G")
        await settled(pilot, lambda: "■ old" in text(app))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_saved_views(home: Home, snap_compare: Snapshot, size: tuple[int, int]) -> None:
    saved_views.save(home, "horses", "arm=old horse carriage")
    saved_views.save(home, "old, but modern", "arm=old label=era:modern", ("arm", "seed", "tokens"))
    app = WgenApp(home, screen="samples")

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: "○ base" in text(app) and not app.screen.loading_any)
        await pilot.press("V")
        await settled(pilot, lambda: isinstance(app.screen, ViewsModal))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("width", [60, 80, 94, 120])
@pytest.mark.parametrize("several", [(), ("experiment",), ("experiment", "model")])
def test_a_completion_has_room_whatever_else_has_a_column(
    several: tuple[str, ...], width: int
) -> None:
    shown, _ = sample_columns.columns((), several, lambda _: None)
    kept = [column for column in shown if not column.hide_below or width >= column.hide_below]
    assert [column.title for column in kept][-1] == "completion"
    assert {*several, "arm"} <= {column.title for column in kept}
    free = width - 4 - sum(column.width + 1 for column in kept)
    assert free >= (5 if len(several) == 2 and width == 60 else 14)
