"""The screen Runs as a person uses it: groups, curves, log, differences, and what keys say."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from experiments.schema import SamplingConfig
from tests.builders.file_reads import files_opened
from tests.builders.home import T0, write_done, write_launch
from tests.builders.mini_home import MiniHome
from tests.builders.screen import Machine, Snapshot, messages, runs_drawn, settled, table, text
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import SampleStage
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.parts import write_held_out
from wgen_tui.ui.app import WgenApp
from wgen_tui.ui.modals.dialogs import AskModal, ConfirmModal
from wgen_tui.ui.state.run_views.groups import Group, GroupKey

SIZES = [(80, 24), (120, 40)]
LINES = [
    f"line {number} says {'CUDA memory' if number % 20 == 3 else 'nothing'}"
    for number in range(100)
]


def of_experiment(home: Home, run_id: str, experiment: str) -> None:
    """Make a run one of another experiment: its folder keeps its name."""
    path = home.run(run_id).spec
    spec = RunSpec.model_validate_json(path.read_bytes())
    path.write_text(spec.model_copy(update={"experiment": experiment}).model_dump_json())


def train(home: Home, run_id: str, losses: Callable[[int], float], steps: int = 120) -> None:
    with home.run(run_id).metrics.open("w") as stream:
        for step in range(1, steps + 1):
            row = {"step": step, "steps": steps, "epoch": 1.0, "loss": losses(step), "tokens": 9,
                   "learning_rate": 1e-3 * (1 - step / steps), "grad_norm": 2.0 / step,
                   "tokens_per_second": 900.0, "at": T0.isoformat()}  # fmt: skip
            stream.write(json.dumps(row) + "\n")


def hold_out(home: Home, run_id: str, exact: dict[int, tuple[bool, ...]]) -> None:
    """What a run makes of held-out rows, by step."""
    spec = RunSpec.model_validate_json(home.run(run_id).spec.read_bytes())
    rows = [
        {"held_out_id": 10 * step + place, "run_id": run_id, "experiment": spec.experiment,
         "model": spec.model.name, "arm": spec.arm, "role": spec.role, "seed": spec.seeds.seed,
         "step": step, "rows_of": spec.arm, "set_id": "s", "place": place, "chat": "{}",
         "loss": 2.0, "weight": 4.0, "tokens": 4, "likeliest": 4 if right else 3, "exact": right,
         "engine": "made", "launch_id": "L1", "created_at": T0}
        for step, own in exact.items() for place, right in enumerate(own)
    ]  # fmt: skip
    write_held_out(home.run(run_id).held_out, "L1", rows)


@pytest.fixture
def two(mini: MiniHome) -> MiniHome:
    """Two experiments with the same arms: one is finished, of the other a run has failed."""
    mini.definition()
    done = [mini.run(arm, seed, role) for arm, role in (("old", "treatment"), ("new", "control"))
            for seed in (0, 1)]  # fmt: skip
    other = [mini.run("old", 7), mini.run("new", 7, "control")]
    for number, run_id in enumerate(other):
        of_experiment(mini.home, run_id, "another")
        train(mini.home, run_id, lambda step, number=number: (3 + number) / step**0.5)
    mini.launch([*done, other[0]])
    mini.launch([other[1]], "failed", "Line 3 is no chat.", "train", "Bad data")
    log = mini.home.launch(sorted(p.name for p in mini.home.launches.iterdir())[-1]).log
    log.write_text("\n".join(LINES) + "\n")
    return mini


async def test_runs_of_two_experiments_are_never_mixed(two: MiniHome) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "▾ another" in text(app))
        assert "▸ mini · tiny-world" in text(app), "finished: one line"
        assert len(table(app)) == 4
        assert app.screen.row.state == "failed", "the cursor begins where something is to be done"
        await settled(pilot, lambda: "train: Bad data: Line 3" in text(app))
        assert "r tries again" in text(app)
        await pilot.press("G", "enter")
        await settled(pilot, lambda: "▾ mini" in text(app) and len(table(app)) == 8)
        await pilot.press("space")
        await settled(pilot, lambda: "runs, 4 marked" in text(app))
        await pilot.press("k", "enter")
        await settled(pilot, lambda: len(table(app)) == 4)
        assert "runs, 4 marked" in text(app), "what is folded away stays marked"
        await pilot.press("slash", *"mini seed=1", "enter")
        await settled(pilot, lambda: len(table(app)) == 3 and "2 with" in text(app))
        assert "▾ mini" in text(app), "what a filter lets through is not folded away"


async def test_esc_clears_a_filter_that_lets_nothing_through_whatever_the_view(
    two: MiniHome,
) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 4)
        await pilot.press("i", "slash", *"zzz", "enter")
        await settled(pilot, lambda: "esc clears the filter" in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: len(table(app)) == 4)


async def test_arms_have_the_colours_of_their_definition_from_the_start(two: MiniHome) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 4)
        await pilot.press("G", "enter")
        await settled(pilot, lambda: "▲ new" in text(app))
        assert "■ old" in text(app), "in the order of the definition"


async def test_arms_stand_in_the_order_of_their_definition_base_last(two: MiniHome) -> None:
    two.run("base", 0, "base")
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: "▾ mini" in text(app) and "▲ new" in text(app))
        rows = [table(app).row(index) for index in range(len(table(app)))]
        own = [row for row in rows if not isinstance(row, Group) and row.experiment == "mini"]
        arms = [(run.arm, run.seed) for run in own]
        assert arms == [("old", 0), ("old", 1), ("new", 0), ("new", 1), ("base", 0)]
        order = [run.run_id for run in own]
        await pilot.press("G", "asterisk")
        assert [run.run_id for run in app.screen.chosen_runs()] == order, "curves and copies too"


async def test_curves_of_the_marked_runs_stand_together(two: MiniHome) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(80, 30)) as pilot:
        await settled(pilot, lambda: "a ◆ s7 new" in text(app) or "s7 new" in text(app))
        await pilot.press("asterisk")
        await settled(pilot, lambda: "[loss, 2 runs]" in text(app))
        assert "s7 old" in text(app) and "s7 new" in text(app)
        assert "4┤" in text(app) and "120" in text(app), "axes with numbers"
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "[learning rate, 2 runs]" in text(app))
        await pilot.press("right_square_bracket", "l", "a")
        await settled(pilot, lambda: "[gradient norm · log · smoothed, 2 runs]" in text(app))
        await settled(
            pilot,
            lambda: "0.0167" in text(app),
        )
        await pilot.press("left_square_bracket", "left_square_bracket", "l", "a")
        await settled(pilot, lambda: "[loss, 2 runs]" in text(app))
        await pilot.press("left_square_bracket")
        await settled(pilot, lambda: "[held-out accuracy, 2 runs]" in text(app))
        await settled(pilot, lambda: "Nothing was measured on held-out rows" in text(app))
        measured = app.screen.chosen_runs()[0].run_id
        hold_out(two.home, measured, {2: (False, False), 4: (True, False)})
        await settled(pilot, lambda: "0.500" in text(app) and "1 run without" in text(app))
        await pilot.press("right_square_bracket")
        await settled(pilot, lambda: "[loss, 2 runs]" in text(app))
        train(two.home, measured, lambda _: 77.0)
        await settled(pilot, lambda: "60┤" in text(app))


async def test_d_says_which_settings_of_two_runs_differ(two: MiniHome) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(80, 30)) as pilot:
        await settled(pilot, lambda: app.screen.row is not None)
        await pilot.press("d")
        await settled(pilot, lambda: any("Mark two runs" in note for note in messages(app)))
        await pilot.press("asterisk", "d")
        await settled(pilot, lambda: "[difference]" in text(app) and "settings equal" in text(app))
        assert "arm" in text(app) and "role" in text(app)
        assert "run_id" not in text(app)
        await pilot.press("escape")
        await settled(pilot, lambda: "[loss, 2 runs]" in text(app))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
async def test_the_log_is_searched_and_n_goes_on(two: MiniHome, size: tuple[int, int]) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=size) as pilot:
        await settled(pilot, lambda: app.screen.row is not None)
        await pilot.press("n")
        await settled(pilot, lambda: any("f searches" in note for note in messages(app)))
        await pilot.press("f")
        await settled(pilot, lambda: isinstance(app.screen, AskModal))
        await pilot.press(*"cuda mem", "enter")
        await settled(pilot, lambda: '"cuda mem" 1 of 5' in text(app))
        await settled(pilot, lambda: "line 3 says CUDA memory" in text(app))
        await pilot.press("n", "n")
        await settled(pilot, lambda: '"cuda mem" 3 of 5' in text(app))
        await settled(pilot, lambda: "line 43 says CUDA memory" in text(app))
        await pilot.press("N")
        await settled(pilot, lambda: '"cuda mem" 2 of 5' in text(app))
        await pilot.press("slash", *["backspace"] * 8, *"gone", "enter")
        await settled(pilot, lambda: '"gone": none in the last 100 lines' in text(app))
        await pilot.press("escape")
        await settled(pilot, lambda: '"gone"' not in text(app) and "line 99" in text(app))


async def test_a_wide_screen_has_three_panes_and_v_changes_the_middle_one(two: MiniHome) -> None:
    def titles() -> list[str]:
        line = next(line for line in text(app).splitlines() if "─  run  ─" in line)
        return re.findall(r"[╭┏][─━]  (.*?)  [─━]", line)

    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot, lambda: "line 99 says nothing" in text(app) and "7 new" in text(app))
        assert titles() == ["run", "rates  difference  [adapter]", "log"]
        assert "r retries it" in text(app) and "proof of adapter" in text(app)
        for view in ("[rates]  difference  adapter", "rates  [difference]  adapter"):
            await pilot.press("v")
            await settled(pilot, lambda view=view: titles() == ["run", view, "log"])
        await pilot.press("V", "V")
        await settled(pilot, lambda: "proof of adapter" in text(app))
        reached = []
        for _ in range(4):
            await pilot.press("tab")
            reached.append(app.focused.id)
        assert reached == ["curves", "card", "log", "list"], "from left to right"
        await pilot.press("f", *"memory", "enter")
        await settled(pilot, lambda: '"memory" 1 of 5' in text(app))
        assert titles()[1] == "rates  difference  [adapter]", "the log has its own place"
        await pilot.press("z")
        await settled(pilot, lambda: "proof of adapter" not in text(app))
        await pilot.press("z")
        await settled(pilot, lambda: "proof of adapter" in text(app))
        await pilot.resize_terminal(120, 40)
        await settled(pilot, lambda: "difference  [adapter]" in text(app))
        await pilot.resize_terminal(160, 48)
        await settled(pilot, lambda: 'log "memory" 1 of 5' in text(app))
        await settled(pilot, lambda: "line 3 says" in text(app))


async def test_rates_over_steps_or_why_there_are_none(two: MiniHome) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot, lambda: app.screen.row is not None)
        await pilot.press("v")
        await settled(pilot, lambda: "[rates]" in text(app))
        await settled(pilot, lambda: "There is no experiment 'another'." in text(app))
        await pilot.press("G", "enter", "j")
        await settled(pilot, lambda: "no samples" in text(app))


async def test_where_steps_were_sampled_their_rates_stand_first(mini: MiniHome) -> None:
    """Of the three panes of a wide screen; another experiment's have its adapter there."""
    mini.definition()
    runs = [mini.run(arm, 0, role) for arm, role in (("old", "treatment"), ("new", "control"))]
    other = mini.run("old", 7)
    of_experiment(mini.home, other, "another")
    for run_id, words in zip(runs, ("By coach.", "By train."), strict=True):
        for step in (2, 4):
            mini.draw(run_id, lambda q, d, words=words: words, step=step)
    stage = SampleStage(prompts=(), sampling=SamplingConfig(), checkpoints="all")
    launch = write_launch(mini.home, "20260102-0-sample", "sample", runs, sample=stage)
    write_done(mini.home.launch(launch.launch_id), {})
    mini.launch([*runs, other])
    app = WgenApp(mini.home, screen="runs")
    async with app.run_test(size=(160, 48)) as pilot:
        await settled(pilot, lambda: len(table(app)) == 2)
        await pilot.press("G", "enter", "j")  # both are finished, and folded
        await settled(pilot, lambda: "[rates]  difference  adapter" in text(app))
        await settled(pilot, lambda: "mini: old over steps" in text(app))
        await pilot.press("g", "enter", "j")
        await settled(pilot, lambda: "rates  difference  [adapter]" in text(app))
        assert "over steps" not in text(app)


async def test_what_loses_something_asks_and_says_what(two: MiniHome) -> None:
    app = WgenApp(two.home, screen="runs")
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(pilot, lambda: app.screen.row is not None)
        two.run("old", 9)
        await settled(pilot, lambda: "○1" in text(app) or "1 queued" in text(app))
        keys = [table(app).key_at(index) for index in range(len(table(app)))]
        table(app).move_to(keys.index(GroupKey("mini", "tiny-world")))
        await settled(pilot, lambda: isinstance(app.screen.row, Group))
        await pilot.press("x")
        await settled(pilot, lambda: any("still live" in note for note in messages(app)))
        assert not app.screen.is_modal
        await pilot.press("c")
        await settled(pilot, lambda: isinstance(app.screen, ConfirmModal))
        assert "1 queued" in text(app)
        await pilot.press("n")


async def test_moving_reads_nothing_and_only_rows_in_view_are_glimpsed(
    mini: MiniHome, machine: Machine
) -> None:
    mini.definition()
    runs = [mini.run("old", seed) for seed in range(60)]
    mini.launch(runs)
    app = WgenApp(mini.home, screen="runs", machine=machine)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, lambda: app.screen._seen and not app.screen.loading_any)
        assert len(app.screen._seen) < 20
        with files_opened(here=True) as opened:
            await pilot.press("j", "space", "asterisk", "v", "V", "d", "l", "a")
            await pilot.press("right_square_bracket", "n", "escape", "g", "enter", "enter", "j")
        assert not [path for path in opened if path.is_relative_to(mini.home.root)]
        await pilot.press("G")
        await settled(pilot, lambda: table(app).current.run_id in app.screen._seen)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "120x40"])
@pytest.mark.parametrize("view", ["curves", "difference", "log"])
def test_snapshot(
    two: MiniHome, snap_compare: Snapshot, machine: Machine, view: str, size: tuple[int, int]
) -> None:
    app = WgenApp(two.home, screen="runs", machine=machine)

    async def before(pilot: Pilot[None]) -> None:
        await settled(pilot, lambda: runs_drawn(app))
        await pilot.press("asterisk")
        await settled(pilot, lambda: "loss, 2 runs" in text(app))
        if view == "difference":
            await pilot.press("d")
            await settled(pilot, lambda: "settings equal" in text(app))
        elif view == "log":
            await pilot.press("f", *"memory", "enter")
            await settled(pilot, lambda: '"memory" 1 of 5' in text(app))
        await settled(pilot, lambda: runs_drawn(app))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
