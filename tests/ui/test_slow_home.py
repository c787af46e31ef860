"""A home of which each file is a trip over the network: few are made for a screen and for a key.

Promises: no time is measured; what is counted is calls, of which a slow home answers a thousand in
a second.
"""

from __future__ import annotations

import os

import pytest

from tests.builders.home_calls import home_calls
from tests.builders.mini_home import DEFINITION, MiniHome
from tests.builders.screen import Machine, settled
from wgen_tui.paths import Home
from wgen_tui.services.data.ingest import ingest_now
from wgen_tui.ui.app import WgenApp

ARMS, SEEDS, OTHERS = ("old", "new", "third", "fourth"), 10, 19
RUNS = len(ARMS) * SEEDS
# Calls for each run, and for each definition, at most. An opening of the database asks five of each
# run, eight the first time: no screen needs more than a few openings at once.
OPEN, KEY = (40, 10), (28, 5)


@pytest.fixture
def many(mini: MiniHome) -> Home:
    """Forty runs of one of twenty experiments."""
    mini.definition()
    for number in range(OTHERS):
        text = DEFINITION.replace("in miniature", f"number {number}")
        mini.definition(f"other-{number}", text)
    runs = [mini.run(arm, seed) for arm in ARMS for seed in range(SEEDS)]
    for run_id in runs:
        mini.draw(run_id, lambda question, draw: f"By coach {draw}", draws=1)
    mini.launch(runs)
    ingest_now(mini.home)
    return mini.home


def allowed(most: tuple[int, int]) -> int:
    """Calls, for so many of each run and of each definition."""
    return most[0] * RUNS + most[1] * (OTHERS + 1)


@pytest.mark.parametrize(
    ("screen", "keys"),
    [
        ("experiments", ("j", "v")),
        ("runs", ("j", "v", "space")),
        ("samples", ("j", "equals_sign")),
        ("grade", ("o", "s", "p")),
        ("results", ("j", "v")),
        ("sql", ("ctrl+j",)),
    ],
)
async def test_few_files_are_asked_for(
    many: Home, machine: Machine, screen: str, keys: tuple[str, ...]
) -> None:
    app = WgenApp(many, screen=screen, experiment="mini", machine=machine)
    with home_calls(many.root) as calls:
        async with app.run_test(size=(160, 48)) as pilot:

            async def rest() -> None:
                await pilot.pause()
                await settled(
                    pilot,
                    lambda: (
                        not list(app.workers)
                        and not getattr(app.screen, "_busy", False)
                        # A detail comes a moment after the key that asked for it.
                        and not getattr(app.screen, "settling", False)
                    ),
                )

            await rest()
            assert calls.total() <= allowed(OPEN), calls.most_common(8)
            for key in keys:
                calls.clear()
                await pilot.press(key)
                await rest()
                assert calls.total() <= allowed(KEY), (key, calls.most_common(8))


@pytest.mark.parametrize(
    ("screen", "most"),
    [("runs", 40), ("experiments", 40 + 2 * (OTHERS + 1)), ("grade", 20), ("sql", 20)],
)
async def test_a_look_at_what_has_not_changed_asks_nothing_of_each_run(
    many: Home, machine: Machine, screen: str, most: int
) -> None:
    """Of each definition it asks for file and data; of what stands below the cursor more."""
    app = WgenApp(many, screen=screen, experiment="mini", machine=machine)
    polls = {"runs": "list", "experiments": "list"}.get(screen, "bar")
    for folder in (many.runs, many.launches):
        os.utime(folder, (1, 1))
    async with app.run_test(size=(160, 48)) as pilot:

        async def look() -> None:
            before = app.screen._tickets.get(polls, 0)
            await settled(
                pilot,
                lambda: app.screen._tickets.get(polls, 0) > before and not app.screen._busy,
            )

        await settled(pilot, lambda: app._next_supervisor_check > 0 and not list(app.workers))
        for _ in range(3):  # the machine's first, the first of all files, and what follows from it
            await look()
        with home_calls(many.root) as calls:
            await look()
        assert 0 < calls.total() <= most, calls.most_common(8)
