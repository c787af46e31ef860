"""What a key costs a slow line: the bytes that the screens send to a terminal.

Promises: bytes are counted, not time; what follows a key after the cursor has settled (the detail)
is not of the key.
"""

from __future__ import annotations

import random
import statistics

import pytest

from tests.builders.home import write_run
from tests.builders.mini_home import MiniHome
from tests.builders.terminal import Terminal, terminal
from wgen_tui.paths import Home
from wgen_tui.services.data.ingest import ingest_now

KEYS = 60
PAUSE = 0.06  # seconds between two keys: faster than the cursor settles
RUNS = 80
WORDS = [
    "by",
    "coach",
    "train",
    "and",
    "ship",
    "we",
    "went",
    "to",
    "the",
    "old",
    "market",
    "where",
    "birds",
    "of",
    "many",
    "names",
    "sang",
]


@pytest.fixture
def many(mini: MiniHome) -> MiniHome:
    """Eighty runs, one of them with a training to draw and 120 samples."""
    chance = random.Random(0)
    mini.definition()
    run_id = mini.run("old", 0, "treatment")
    mini.draw(run_id, lambda *_: " ".join(chance.choices(WORDS, k=60)), draws=60)
    mini.launch([run_id])
    for seed in range(1, RUNS):
        write_run(mini.home, f"mini-old-s{seed}-{seed:010x}", experiment="mini", seed=seed)
    ingest_now(mini.home)
    return mini


def check_cursor(screen: Terminal) -> None:
    """A burst of moves with its scrolling, then the detail, then nothing."""
    screen.settle()
    sent = [len(screen.press("j", PAUSE)) for _ in range(KEYS)]
    assert statistics.median(sent) <= 100, sent
    assert statistics.mean(sent) <= 300, sent
    assert max(sent) > 4 * statistics.median(sent), "nothing was scrolled"
    assert screen.settle(1.0) < 10_000  # what follows: the detail
    assert len(screen.read(3.0)) < 600  # the strip's load of the machine, and nothing else


def test_runs_send_the_cursor_and_no_more(many: MiniHome) -> None:
    with terminal(["--home", many.home.root, "--readonly"]) as screen:
        screen.until("Birds")
        screen.press("2")
        screen.until("worker.log")
        check_cursor(screen)


def test_samples_send_the_cursor_and_no_more(many: MiniHome) -> None:
    with terminal(["--home", many.home.root, "--readonly"]) as screen:
        screen.until("Birds")
        screen.press("3")
        screen.until("What of ")
        check_cursor(screen)


# The key of a screen, that of a dialog there (of SQL's editor, tab), and what is typed into it.
DIALOGS = (("2", "/", "ab"), ("6", "\t", "ab"))


def test_a_dialog_that_waits_sends_nothing_and_a_letter_little(home: Home) -> None:
    """Below each of them a screen goes on reading, and in each a cursor would blink."""
    with terminal(["--home", home.root, "--readonly"]) as screen:
        screen.until("Old names")
        for number, dialog, typed in DIALOGS:
            screen.press(number)
            screen.settle(1.5)  # all is read
            screen.press(dialog)
            screen.settle()
            idle = screen.read(1.5)
            assert len(idle) < 300, (number, dialog, idle)  # below Runs', the machine's load
            sent = [len(screen.press(letter, PAUSE)) + screen.settle() for letter in typed]
            assert all(0 < count <= 600 for count in sent), (number, dialog, sent)
            screen.press("\x1b")
            screen.settle()
