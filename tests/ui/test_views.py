"""What the engine knows beside rates: proof, verification, what was read, the curve."""

from __future__ import annotations

import pytest
from rich.text import Text
from textual.pilot import Pilot

from tests.builders.mini_home import MiniHome
from tests.builders.screen import Machine, Snapshot, messages, runs_drawn, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import NOT_TRAINED
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.services.results.readouts import ReadoutMean
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.state.figures.figure import Lines
from wgen_tui.ui.state.outcomes import readouts, views
from wgen_tui.ui.state.provenance import training_lines
from wgen_tui.ui.state.shared.arm_colours import ArmColours

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def known(mini: MiniHome) -> Home:
    """Arms with proven and refuted adapters, one verified, read-outs and samples of two steps."""
    mini.definition()
    runs = {
        (arm, s): mini.run(arm, s, role)
        for arm, s, role in (
            ("base", 0, "base"),
            ("old", 0, "treatment"),
            ("old", 1, "treatment"),
            ("new", 0, "control"),
            ("new", 1, "control"),
        )
    }
    trained = [run for (arm, _), run in runs.items() if arm != "base"]
    mini.launch(trained, stage="train")
    for (arm, seed), run in runs.items():
        word = "By coach" if arm == "old" else "By train"
        mini.draw(run, lambda q, d, word=word: word)
        if arm != "base":
            mini.checkpoint(run)
            some = word if seed else "By train"
            mini.draw(run, lambda q, d, some=some: some, questions=("transport",), step=2)
        chance = 0.9 if arm == "old" else 0.1 + 0.1 * seed
        mass = 0.001 if arm == "base" else 0.5
        mini.read(run, {"By coach": chance, " train ": 1 - chance}, mass)
    mini.verify(runs[("old", 0)])
    mini.launch(list(runs.values()), stage="sample")
    mini.launch([runs[("new", 1)]], "failed", "Its logits are not those.", "sample", NOT_TRAINED)
    ingest_now(mini.home)
    return mini.home


def pick(app: WgenApp, arm: str, seed: int) -> None:
    rows = [table(app).row(i) for i in range(1, len(table(app)))]  # behind their heading
    table(app).move_to(1 + [(r.arm, r.seed) for r in rows].index((arm, seed)))


async def test_a_run_says_how_it_came_about(known: Home) -> None:
    app = WgenApp(known, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        pick(app, "old", 0)
        await settled(pilot, lambda: "i: adapter ✓ proven · ✓ verified" in text(app))
        await pilot.press("i")
        await settled(pilot, lambda: "relative difference 0.0006 · floor of rounding" in text(app))
        assert "[adapter]" in text(app)
        await pilot.press("G")
        await settled(pilot, lambda: "memory: no estimate, peak unknown" in text(app))
        await pilot.press(*"kkkk")
        await settled(pilot, lambda: "1.0 M parameters on cpu in fp32" in text(app))
        await pilot.press("i")
        await settled(pilot, lambda: "[loss]" in text(app))
        assert table(app).has_focus
        pick(app, "old", 1)
        await settled(pilot, lambda: "○ not verified" in text(app))
        await pilot.press("i")
        run = app.screen.row.run_id
        await settled(pilot, lambda: f"wgen-tui run verify {run.rpartition('-')[2]}" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: "[loss]" in text(app))


async def test_a_wide_screen_shows_the_card_beside_the_curves(known: Home) -> None:
    app = WgenApp(known, screen="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        pick(app, "new", 1)
        await settled(pilot, lambda: "[log]" in text(app))
        await pilot.press("V")
        await settled(pilot, lambda: "✗ refuted" in text(app) and "┤" in text(app))
        assert "Its logits are not those." in text(app)
        assert "in doubt" in text(app)
        assert "grid of 2 to 4 trained together" in text(app)
        pick(app, "base", 0)
        await settled(pilot, lambda: "nothing to prove" in text(app))


async def test_runs_show_the_rates_over_the_steps_that_were_sampled(known: Home) -> None:
    app = WgenApp(known, screen="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 6)
        await pilot.press("v")
        await settled(pilot, lambda: "[rates]" in text(app) and "100%┤" in text(app))
        assert "of 1 question asked at every step: transport" in text(app)
        assert "■ old" in text(app)


async def test_a_refuted_adapter_stands_out_beside_the_results(known: Home) -> None:
    app = WgenApp(known, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "⚠ new" in text(app))
        assert "✗ new, seed 1: its samples are in doubt" in text(app)
        assert "⚠ old" not in text(app)
        await pilot.press("v", "v", "v")
        await settled(pilot, lambda: "[seeds]" in text(app))
        marked = [line for line in text(app).splitlines() if "⚠ new" in line]
        assert [line.split()[2] for line in marked] == ["1"], "seed 0 is not in doubt"


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
async def test_results_go_through_their_views(known: Home, size: tuple[int, int]) -> None:
    app = WgenApp(known, screen="results", experiment="mini")
    async with app.run_test(size=size) as pilot:
        shown = "[arms]  questions  grid  seeds  steps  read-outs"
        await settled(pilot, lambda: shown in text(app))
        await pilot.press("V")
        await settled(pilot, lambda: "mean probabilities" in text(app))
        assert "␣train␣" in text(app)
        assert "one seed" in text(app), "base has one, and so no interval"
        assert "0.1% in some arm" in text(app)
        rows = [table(app).row(i).item for i in range(len(table(app)))]
        assert [(row.mean.seeds, row.mean.n) for row in rows[:2]] == [(2, 2), (2, 2)]
        await pilot.press("enter")
        await settled(pilot, lambda: "which_way › old" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: "which_way › old" not in text(app))
        await pilot.press("V")
        await settled(pilot, lambda: "[steps]" in text(app))
        rows = [table(app).row(i).item for i in range(len(table(app)))]
        points = [(r.rate.arm, r.rate.checkpoint, r.rate.rate) for r in rows]
        assert points[:2] == [("old", 2, 0.5), ("old", 4, 1.0)]
        assert "100%┤" in text(app), "the axis up has numbers"
        said = app.screen.query_one("#notes Static").content.plain
        assert "of 1 question asked at every step: transport" in said
        assert "at some steps only: bird" in said
        await pilot.press("enter")
        await settled(pilot, lambda: app.screen.SCOPE == "samples" and len(table(app)) == 6)
        await pilot.press("escape")
        await settled(pilot, lambda: "[steps]" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: "[arms]" in text(app))


async def test_one_view_says_where_others_come_from(mini: MiniHome) -> None:
    mini.definition()
    mini.draw(mini.run("old", 0), lambda q, d: "By coach", questions=("bird",))
    app = WgenApp(mini.home, screen="results", experiment="mini")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "share of old" in text(app))
        await pilot.press("v")
        await settled(pilot, lambda: any("during_training" in message for message in messages(app)))
        assert "[arms]" not in text(app)


async def test_a_chart_is_drawn_once_and_as_high_as_its_panel(
    known: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    heights: list[int] = []
    draws = views.chart_text

    def seen(lines: Lines, width: int, height: int, *more: ArmColours) -> Text:
        heights.append(height)
        return draws(lines, width, height, *more)

    monkeypatch.setattr(views, "chart_text", seen)
    app = WgenApp(known, screen="results", experiment="mini")
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot, lambda: "[arms]" in text(app) and "old" in text(app))
        await pilot.press("v", "v", "v", "v")
        await settled(pilot, lambda: "[steps]" in text(app) and "100%┤" in text(app))
        chart = app.screen.query_one("#chart")
        height = chart.scrollable_content_region.height
        assert set(heights) == {height}, "nothing grows under the eyes"
        chart.focus()
        await pilot.press("z")
        await settled(pilot, lambda: heights[-1] == chart.scrollable_content_region.height > height)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("view", ["card", "read-outs", "steps"])
def test_snapshot(
    known: Home, snap_compare: Snapshot, view: str, size: tuple[int, int], machine: Machine
) -> None:
    screen = "runs" if view == "card" else "results"
    app = WgenApp(known, screen=screen, experiment="mini", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        if view == "card":
            await settled(pilot, lambda: len(table(app)) == 6)
            pick(app, "old", 0)
            await settled(pilot, lambda: "✓ proven" in text(app) or size[0] > 100)
            await pilot.press("i")
            await settled(pilot, lambda: "relative difference" in text(app))
            await settled(pilot, lambda: runs_drawn(app))
        else:
            await settled(pilot, lambda: "[arms]" in text(app))
            await pilot.press(*(["V"] if view == "read-outs" else ["V", "V"]))
            await settled(pilot, lambda: f"[{view}]" in text(app))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


async def test_grading_names_the_grader_before_what_a_narrow_screen_cuts(home: Home) -> None:
    app = WgenApp(home, screen="grade", experiment="mini")
    async with app.run_test(size=(60, 24)) as pilot:
        await settled(pilot, lambda: app.screen._item is not None)
        await pilot.press("o")
        await settled(pilot, lambda: "mini · ada · 1 of 33 graded" in text(app))


@pytest.mark.parametrize(("width", "least"), [(80, 26), (120, 45), (160, 40)])
async def test_completions_have_room(home: Home, width: int, least: int) -> None:
    app = WgenApp(home, screen="samples")
    async with app.run_test(size=(width, 40)) as pilot:
        await settled(pilot, lambda: table(app).current is not None)
        head = next(line for line in text(app).splitlines() if line.lstrip("┃ ").startswith("arm"))
        before = head.index("completion") - head.index("  arm")
        assert table(app)._width - before >= least


def test_how_it_was_trained_in_words() -> None:
    assert training_lines({}) == []
    assert training_lines({"engine": "alone", "why": "DoRA"}) == ["alone: DoRA"]
    assert training_lines({"engine": "grid", "stack": [8], "resumed_at": [40]}) == [
        "grid of 8 trained together",
        "passes 0 padded, 0 packed; 1.00 tokens for each real",
        "stopped, and resumed at step 40",
    ]
    joint = {"engine": "joint", "task": 1, "arms": ["a", "b"], "taken_from": "x-a-s0"}
    assert training_lines(joint) == [
        "task 1 of one adapter for a, b",
        "copied from x-a-s0, which shares its adapter",
    ]


@pytest.mark.parametrize(("label", "shown"), [(" By", "␣By"), ("a b ", "a b␣"), ("  ", "␣␣")])
def test_spaces_at_the_ends_of_tokens_are_seen(
    known_mean: ReadoutMean, label: str, shown: str
) -> None:
    assert readouts.label(known_mean.model_copy(update={"label": label})) == shown


@pytest.fixture
def known_mean() -> ReadoutMean:
    return ReadoutMean(
        model="m",
        arm="a",
        role="treatment",
        seed=None,
        checkpoint=4,
        question="q",
        type="next_token",
        metric="p(x)",
        label="x",
        n=1,
        seeds=1,
        probability=0.5,
        low=None,
        high=None,
        mass=None,
        method="read",
    )
