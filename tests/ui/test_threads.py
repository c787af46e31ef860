"""Methods that run in threads: who gets the result, what is stale, what a class must define."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual.message import Message
from textual.pilot import Pilot

from tests.builders import store_home
from tests.builders.mini_home import MiniHome
from tests.builders.screen import notices, settled
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.ui.app import SCREENS, WgenApp, load_screen
from wgen_tui.ui.screens.runs import RunsScreen
from wgen_tui.ui.threads import REST, TAKING_IN, Loaded, LoadTimes, TakingIn, ThreadedScreen, loads
from wgen_tui.ui.widgets.bars import MessageLine


class Echo(ThreadedScreen):
    """Answers when it is let, and keeps what its handlers get."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[object] = []
        self.threads: list[int] = []
        self.gates: dict[str, threading.Event] = {}

    @loads("echo", then="keep", failed="keep_failure")
    def echo(self, word: str, *, error: Exception | None = None) -> str:
        self.threads.append(threading.get_ident())
        if word in self.gates:
            assert self.gates[word].wait(60)
        if error is not None:
            raise error
        return f"{word} at {self.home.root.name}"

    def keep(self, text: str) -> None:
        self.threads.append(threading.get_ident())
        self.got.append(text)

    def keep_failure(self) -> None:
        self.got.append("failed")


@pytest.fixture
async def pilot(tmp_path: Path) -> AsyncIterator[Pilot[int]]:
    app = WgenApp(Home(tmp_path / "home").ensure())
    async with app.run_test() as pilot:
        await app.push_screen(Echo())
        yield pilot


def echo_screen(pilot: Pilot[int]) -> Echo:
    screen = pilot.app.screen
    assert isinstance(screen, Echo)
    return screen


async def test_the_body_runs_in_a_thread_and_its_handler_in_the_apps(pilot: Pilot[int]) -> None:
    screen = echo_screen(pilot)
    assert screen.echo("hello") is None
    assert screen.busy("echo")
    await settled(pilot, lambda: screen.got == ["hello at home"])
    body, handler = screen.threads
    assert handler == threading.get_ident() != body
    assert not screen.busy("echo")


async def test_what_comes_after_the_application_has_ended_reaches_no_screen(
    tmp_path: Path,
) -> None:
    app = WgenApp(Home(tmp_path / "home").ensure())
    async with app.run_test() as pilot:
        app.install_screen(Echo(), "echo")
        await app.push_screen("echo")
        screen = echo_screen(pilot)
        screen.gates["late"] = threading.Event()
        screen.echo("late")
        await app.pop_screen()  # in no stack: an application that ends prunes it last, or never
        assert screen.is_running and not screen._pruning
        late = Loaded("echo", screen._tickets["echo"], "late", None, screen.keep, None)
        app.exit()
        await settled(pilot, lambda: not app.is_running)
        screen.on_loaded(late)
        screen.gates["late"].set()
    assert not screen.got


async def test_an_error_is_a_notification_then_the_failure_is_handled(pilot: Pilot[int]) -> None:
    screen = echo_screen(pilot)
    screen.echo("x", error=UsageError("No [b]such[/b] arm.", title="Arm", hint="As in old."))
    await settled(pilot, lambda: screen.got == ["failed"] and notices(pilot.app))
    (note,) = notices(pilot.app)
    assert (note.title, note.severity) == ("Arm", "error")
    assert "No [b]such[/b] arm." in note.message
    assert "As in old." in note.message


async def test_what_an_older_call_brings_is_dropped(pilot: Pilot[int]) -> None:
    screen = echo_screen(pilot)
    screen.gates["old"] = threading.Event()
    screen.echo("old")
    await settled(pilot, lambda: len(screen.threads) == 1)
    screen.echo("new")
    await settled(pilot, lambda: screen.got == ["new at home"])
    screen.gates["old"].set()
    await pilot.pause(0.2)
    assert screen.got == ["new at home"]


async def test_a_discarded_load_brings_nothing(pilot: Pilot[int]) -> None:
    screen = echo_screen(pilot)
    screen.gates["late"] = threading.Event()
    screen.echo("late")
    await settled(pilot, lambda: len(screen.threads) == 1)
    screen.discard_load("echo")
    assert not screen.busy("echo")
    screen.gates["late"].set()
    await pilot.pause(0.2)
    assert screen.got == []


async def test_a_screen_that_was_closed_still_knows_its_home_in_a_thread(pilot: Pilot[int]) -> None:
    screen = echo_screen(pilot)
    homes: list[Home] = []
    began, gate = threading.Event(), threading.Event()

    def ask() -> None:
        began.set()
        assert gate.wait(60)
        homes.append(screen.home)

    screen.load("home", ask, screen.got.append)
    await settled(pilot, began.is_set)  # a worker that has not begun is cancelled with its screen
    await pilot.app.pop_screen()
    gate.set()
    await settled(pilot, lambda: homes == [pilot.app.home])
    assert screen.got == []


@pytest.mark.parametrize(("then", "failed"), [("kept", None), ("keep", "kept")])
def test_a_handler_that_is_not_there_fails_when_the_class_is_defined(
    then: str, failed: str | None
) -> None:
    with pytest.raises(TypeError, match=r"Wrong\.read: no method 'kept'"):

        class Wrong(ThreadedScreen):
            @loads("read", then=then, failed=failed)
            def read(self) -> int:
                return 1

            def keep(self, number: int) -> None:
                pass


def test_a_handler_may_be_inherited() -> None:
    class Louder(Echo):
        @loads("echo", then="keep")
        def shout(self, word: str) -> str:
            return word.upper()

    assert Louder.shout.__name__ == "shout"


def threaded_classes() -> list[type[ThreadedScreen]]:
    """Every class of the product that loads in threads."""
    classes, todo = [], [ThreadedScreen]
    while todo:
        children = todo.pop().__subclasses__()
        todo += children
        classes += [c for c in children if c.__module__.startswith("wgen_tui.")]
    return classes


def test_every_handler_takes_what_its_method_returns() -> None:
    checked = 0
    for name in SCREENS:
        load_screen(name)  # the program does when one is first shown
    assert RunsScreen in threaded_classes()
    for cls in threaded_classes():
        for name, member in vars(cls).items():
            handlers = getattr(member, "load_handlers", None)
            if handlers is None:
                continue
            result = inspect.signature(member).return_annotation
            _, taken = inspect.signature(getattr(cls, handlers["then"])).parameters.values()
            assert taken.annotation == result, f"{cls.__name__}.{name}"
            if "failed" in handlers:
                assert len(inspect.signature(getattr(cls, handlers["failed"])).parameters) == 1
            checked += 1
    assert checked >= 30


async def test_a_screen_that_waits_for_an_ingest_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wgen_tui.ui.threads.SAY_EVERY", 0.0)
    run = store_home.RUNS[1]
    root = store_home.write_home(tmp_path / "home")
    for number, row in enumerate(store_home.sample_rows(run, 30)):
        store_home.write_samples(root, run, [row], f"L-{number:05d}")
    told = []

    def hook(message: Message) -> None:
        if isinstance(message, TakingIn) and message.text not in told:
            told.append(message.text)

    app = WgenApp(Home(root).ensure(), screen="samples")
    async with app.run_test(message_hook=hook) as pilot:
        await settled(pilot, lambda: told and not told[-1])
        assert told[0].startswith(f"{TAKING_IN}: ")
        line = app.screen.query_one(MessageLine)
        await settled(pilot, lambda: not line.said)


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_that_goes_before_it_has_come_is_no_error(mini: MiniHome, name: str) -> None:
    """A key opens it, and the next one quits: it is asked to go while it is made."""
    app = WgenApp(mini.home, screen="sql" if name != "sql" else "runs")
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.pause()
        app.action_go(name)


async def test_a_look_that_took_long_is_taken_more_seldom(home: Home) -> None:
    """With a home of a millisecond a file call nothing asks more than a tenth of the time."""
    app = WgenApp(home, screen="sql")
    async with app.run_test(size=(80, 24)):
        screen = Echo()
        await app.push_screen(screen)
        polls: list[int] = []

        def poll() -> None:
            polls.append(1)

        now = time.monotonic()
        for times, expected in (
            (LoadTimes(), 1),
            (LoadTimes(30, 0, now - 60), 1),
            (LoadTimes(30, 40, now - 60), 0),
            (LoadTimes(30, 40, now - 30 * REST - 1), 1),
        ):
            polls.clear()
            screen._load_times["echo"] = times
            screen._poll_rested("echo", poll)
            assert len(polls) == expected, times
        screen.echo("hi")
        await app.workers.wait_for_complete()
        assert 0 <= screen._load_times["echo"].took < 60
        assert screen._load_times["echo"].before == 30
        assert screen._load_times["echo"].ended >= now
