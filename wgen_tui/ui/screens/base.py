"""What all screens share: bars, threads for everything slow, errors as notifications.

Promises: no key handler waits for a disk or a database; a result that comes after a newer
question of the same group was put is dropped; a user's mistake is a notification with its hint.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.message import Message
from textual.screen import Screen

from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions
from wgen_tui.ui.widgets.bars import KeyBar, TopBar

if TYPE_CHECKING:
    from wgen_tui.paths import Home
    from wgen_tui.ui.app import WgenApp

T = TypeVar("T")


class Loaded(Message):
    """A thread's result, on its way to the screen."""

    def __init__(
        self,
        group: str,
        ticket: int,
        result: Any,
        error: Exception | None,
        then: Callable[[Any], None],
        failed: Callable[[], None] | None,
    ) -> None:
        super().__init__()
        self.group = group
        self.ticket = ticket
        self.result = result
        self.error = error
        self.then = then
        self.failed = failed


class ThreadedScreen(Screen[Any]):
    """A screen that does its slow work in threads."""

    def __init__(self) -> None:
        super().__init__()
        self._tickets: dict[str, int] = {}
        self._busy: set[str] = set()

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
        then: Callable[[T], None],
        failed: Callable[[], None] | None = None,
    ) -> None:
        """Run `work` in a thread and give its result to `then`, here.

        Args:
            group: A newer load of the same group makes this one's result stale.
            work: May block; must not touch widgets.
            then: Gets the result unless it is stale.
            failed: Called, unless stale, after an error was shown.
        """
        ticket = self._tickets[group] = self._tickets.get(group, 0) + 1
        self._busy.add(group)

        def body() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as problem:  # shown to the user, whatever it is
                error = problem
            self.post_message(Loaded(group, ticket, result, error, then, failed))

        self.run_worker(body, thread=True, group=group, exclusive=True, name=group)

    def busy(self, group: str) -> bool:
        """Whether the newest load of `group` is still under way."""
        return group in self._busy

    def forget(self, group: str) -> None:
        """Drop whatever a load of `group` may still bring."""
        self._tickets[group] = self._tickets.get(group, 0) + 1
        self._busy.discard(group)

    def on_loaded(self, message: Loaded) -> None:
        message.stop()
        if message.ticket != self._tickets.get(message.group):
            return
        self._busy.discard(message.group)
        if message.error is None:
            message.then(message.result)
            return
        self.show_error(message.error)
        if message.failed is not None:
            message.failed()

    def show_error(self, error: Exception) -> None:
        """An error in a few words with what to do about it."""
        if isinstance(error, WgenError):
            self.say(str(error), error.title, "error")
        elif isinstance(error, OSError):
            self.say(f"{error.strerror or error}: {error.filename or ''}", "File", "error")
        else:
            self.log.error(repr(error))
            self.say(f"{type(error).__name__}: {error}", "Unexpected error", "error")

    def say(self, text: str, title: str = "", severity: str = "information") -> None:
        """A notification in plain text."""
        self.notify(
            printable(text),
            title=title,
            severity=severity,  # type: ignore[arg-type]
            markup=False,
            timeout=8 if severity == "information" else 15,
        )


class BaseScreen(ThreadedScreen):
    """One of the six screens."""

    SCOPE: ClassVar[str] = ""
    AUTO_FOCUS = "VirtualTable"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Screen declares it
        (0, "-narrow"),
        (120, "-wide"),
    ]

    def compose(self) -> ComposeResult:
        yield TopBar(self.SCOPE, self.wgen.readonly)
        yield from self.content()
        yield KeyBar(self.SCOPE, self.wgen.readonly)

    def content(self) -> ComposeResult:
        """What stands between the bars."""
        raise NotImplementedError

    def __init_subclass__(cls, **kwargs: Any) -> None:
        cls.BINDINGS = list(actions.bindings(cls.SCOPE)) if cls.SCOPE else []
        super().__init_subclass__(**kwargs)

    def pick_experiment(self, then: Callable[[], None]) -> None:
        """Nobody has chosen an experiment: take one that has runs, if there is any, and go on."""
        home = self.home

        def work() -> str | None:
            from wgen_tui.services.runs import runs  # noqa: PLC0415 - not before the frame
            from wgen_tui.ui.state import experiments as state  # noqa: PLC0415 - likewise

            counts = state.run_counts(runs.list_runs(home))
            return state.most_alive(list(counts), counts)

        def found(slug: str | None) -> None:
            if slug is not None and self.wgen.experiment is None:
                self.wgen.experiment = slug
                then()

        if not self.busy("choose"):
            self.load("choose", work, found)

    def own_help(self) -> list[tuple[str, list[actions.Action]]]:
        """Keys that only the present content gives a meaning, for the help."""
        return []

    def writable(self) -> bool:
        """Whether the home may be changed; says so when not."""
        if self.wgen.readonly:
            self.say("Nothing is changed under --readonly.", "Read-only", "warning")
        return not self.wgen.readonly

    def action_back(self) -> None:
        """Put the focus back where the screen began."""
        self.app.set_focus(self.query(self.AUTO_FOCUS or "*").first())
