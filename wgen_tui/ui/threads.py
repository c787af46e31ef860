"""Slow work in threads: a decorated method runs in one, another method gets its result.

    @loads("search", then="_show_ids", failed="_search_failed")
    def _search(self, filter_: Filter) -> array[int]:
        return services.samples.search(self.home, filter_)

Promises: no key handler waits for a disk or a database; when a newer load of the same group has
begun, the older one's result is dropped; an error is shown as a notification with its hint; a
misspelt `then` or `failed` fails when its class is defined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from textual import events
from textual.message import Message
from textual.screen import Screen

from store.progress import OnProgress, tell_by
from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.allocator import give_back
from wgen_tui.ui.widgets.bars import MessageLine

if TYPE_CHECKING:
    from wgen_tui.paths import Home
    from wgen_tui.ui.app import WgenApp

SAY_EVERY = 1.0  # seconds
REST = 9  # times as long as a look took until the next: a slow home is asked a tenth of the time
TAKING_IN = "Taking in what runs wrote"

S = TypeVar("S", bound="ThreadedScreen")
P = ParamSpec("P")
T = TypeVar("T")


def loads(
    group: str, *, then: str, failed: str | None = None, opens: bool = False
) -> Callable[[Callable[Concatenate[S, P], T]], Callable[Concatenate[S, P], None]]:
    """Make a method of a `ThreadedScreen` run in a thread; calling it returns at once.

    The method may block and must not touch widgets.

    Args:
        group: A newer load of the same group makes this one's result stale.
        then: The method that gets the result, in the app's thread, unless it is stale.
        failed: The method called, unless stale, after an error was shown.
        opens: Whether `then` opens a dialog or another screen, which keys typed by then are for.
    """

    def decorate(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], None]:
        @wraps(method)
        def start(self: S, /, *args: P.args, **kwargs: P.kwargs) -> None:
            if opens:
                self.opening.add(group)
            self.load(
                group,
                partial(method, self, *args, **kwargs),
                getattr(self, then),
                None if failed is None else getattr(self, failed),
            )

        vars(start)["load_handlers"] = {"then": then} | (
            {} if failed is None else {"failed": failed}
        )
        return start

    return decorate


class LoadTimes(NamedTuple):
    """How long the last load of a group took, and the one before it, and when it ended."""

    took: float = 0.0
    before: float = 0.0
    ended: float = 0.0


class Loaded(Message):
    """A thread's result, on its way to the screen."""

    def __init__(
        self,
        group: str,
        ticket: int,
        result: Any,
        error: Exception | None,
        then: Callable[[Any], object],
        failed: Callable[[], object] | None,
    ) -> None:
        super().__init__()
        self.group = group
        self.ticket = ticket
        self.result = result
        self.error = error
        self.then = then
        self.failed = failed


class TakingIn(Message):
    """How far an ingest is that a thread waits for; nothing when it has ended."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Passing(events.Callback, bubble=False):
    """Goes through the queues behind a key (`typed_ahead`)."""


Passing.handler_name = "on_callback"


class ThreadedScreen(Screen[Any]):
    """A screen that does its slow work in threads.

    Attributes:
        opening: Loads under way that open something, for which keys wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self._tickets: dict[str, int] = {}
        self._busy: set[str] = set()
        self._load_times: dict[str, LoadTimes] = {}
        self._missed: dict[str, Callable[[], object]] = {}  # polls, while a dialog stood before it
        self.opening: set[str] = set()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, member in vars(cls).items():
            for role, handler in getattr(member, "load_handlers", {}).items():
                if not callable(getattr(cls, handler, None)):
                    raise TypeError(f"{cls.__name__}.{name}: no method {handler!r} ({role}).")

    async def on_event(self, event: events.Event) -> None:
        """A screen that goes hears of nothing else: its widgets went first, or never came.

        What only passes does so.
        """
        if isinstance(event, events.Unmount | Passing) or not self._pruning:
            await super().on_event(event)

    @property
    def wgen(self) -> WgenApp:
        return self.app  # type: ignore[return-value]

    @property
    def home(self) -> Home:
        return self.wgen.home

    def load(
        self,
        group: str,
        work: Callable[[], T],
        then: Callable[[T], object],
        failed: Callable[[], object] | None = None,
    ) -> None:
        """Run `work` in a thread and give its result to `then`; what `loads` calls."""
        ticket = self._tickets[group] = self._tickets.get(group, 0) + 1
        self._busy.add(group)

        def body() -> None:
            result, error = None, None
            began = time.monotonic()
            tell_by(self._taking_in)
            try:
                result = work()
            except Exception as problem:  # shown to the user, whatever it is
                error = problem
            ended = time.monotonic()
            before = self._load_times.get(group, LoadTimes())
            self._load_times[group] = LoadTimes(ended - began, before.took, ended)
            self.post_message(Loaded(group, ticket, result, error, then, failed))
            give_back()

        # In a copy of this context `self.app` is known even if the screen has been closed since.
        in_context = partial(copy_context().run, body)
        self.run_worker(in_context, thread=True, group=group, exclusive=True, name=group)

    def every(self, seconds: float, group: str, poll: Callable[[], object]) -> None:
        """Call `poll`, which loads `group`, again and again; the slower it is, the more seldom.

        Not below a dialog: whoever answers one looks at nothing else. Once it has gone all that
        was left out is read at once.
        """
        self.set_interval(seconds, partial(self._poll_rested, group, poll))

    @property
    def in_front(self) -> bool:
        """Whether it is what is to be seen, with no dialog before it."""
        return self.is_current and self.app.screen is self

    def on_screen_resume(self) -> None:
        missed, self._missed = self._missed, {}
        for poll in missed.values():
            poll()

    def _poll_rested(self, group: str, poll: Callable[[], object]) -> None:
        if not self.in_front:
            if self.is_current:
                self._missed[group] = poll
            return
        times = self._load_times.get(group, LoadTimes())
        # The first also loads what it needs: the lesser of two is what a look takes.
        if time.monotonic() - times.ended >= REST * min(times.took, times.before):
            poll()

    @contextmanager
    def _taking_in(self) -> Iterator[OnProgress]:
        """Say once a second how far an ingest is, if it takes longer."""
        said = began = time.monotonic()
        spoke = False

        def on_progress(done: int, total: int) -> None:
            nonlocal said, spoke
            if (now := time.monotonic()) - said >= SAY_EVERY:
                said, spoke = now, True
                far = f"{done / max(total, 1):.0%} of {total / 1e6:,.0f} MB"
                text = f"{TAKING_IN}: {far} ({now - began:.0f} s)…"
                self.post_message(TakingIn(text))

        try:
            yield on_progress
        finally:
            if spoke:
                self.post_message(TakingIn(""))

    def on_taking_in(self, message: TakingIn) -> None:
        message.stop()
        for line in self.query(MessageLine):
            if message.text:
                line.say(message.text)
            elif line.said.startswith(TAKING_IN):
                line.clear()

    def busy(self, group: str) -> bool:
        """Whether the newest load of `group` is still under way."""
        return group in self._busy

    @property
    def loading_any(self) -> bool:
        """Whether any load is under way."""
        return bool(self._busy)

    def discard_load(self, group: str) -> None:
        """Drop whatever a load of `group` may still bring."""
        self._tickets[group] = self._tickets.get(group, 0) + 1
        self._busy.discard(group)
        self.opening.discard(group)
        self.wgen.resume_typed()

    def give_up_opening(self) -> None:
        """Open nothing of what is being read for it."""
        for group in list(self.opening):
            self.discard_load(group)

    def on_loaded(self, message: Loaded) -> None:
        message.stop()
        # An application that ends takes the widgets of screens in no stack before them.
        ends = self._pruning or not self.app.is_running
        if ends or message.ticket != self._tickets.get(message.group):
            return
        self._busy.discard(message.group)
        self.opening.discard(message.group)
        self.wgen.resume_typed()
        if message.error is None:
            message.then(message.result)
            return
        self.show_error(message.error)
        if message.failed is not None:
            message.failed()

    def show_error(self, error: Exception) -> None:
        """Notify of an error in a few words, with what to do about it."""
        if isinstance(error, WgenError):
            self.notify_plain(str(error), error.title, "error")
        elif isinstance(error, OSError):
            self.notify_plain(f"{error.strerror or error}: {error.filename or ''}", "File", "error")
        else:
            self.log.error(repr(error))
            self.notify_plain(f"{type(error).__name__}: {error}", "Unexpected error", "error")

    def notify_plain(self, text: str, title: str = "", severity: str = "information") -> None:
        """Say in the screen's message line what a key did, in plain text; never over a dialog."""
        lines = self.query(MessageLine)
        if lines:
            lines.first().say(text, title, severity)
            return
        self.notify(
            printable(text),
            title=title,
            severity=severity,  # type: ignore[arg-type]
            markup=False,
            timeout=8 if severity == "information" else 15,
        )
