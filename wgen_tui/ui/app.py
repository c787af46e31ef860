"""The Textual application: screens, palette, help, clipboard. No logic of its own.

Promises: importing this, and drawing the first frame, loads neither DuckDB nor Arrow nor NumPy nor
pydantic, and no screen but the first; quitting stops no work.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events, work
from textual.filter import LineFilter, NoColor
from textual.screen import Screen

from wgen_tui.errors import UsageError, WgenError
from wgen_tui.paths import Home
from wgen_tui.terminal_text import printable
from wgen_tui.ui import actions, later, modals, services
from wgen_tui.ui.allocator import share_memory
from wgen_tui.ui.hangup import end_with_the_terminal
from wgen_tui.ui.keys_app import KeysApp
from wgen_tui.ui.painting import Painter
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state.shared.arm_colours import ArmColours
from wgen_tui.ui.themes import ANSI_DARK, ANSI_LIGHT, DARK, THEMES, AsciiSigns, shows_utf8
from wgen_tui.ui.visible import VisibleText
from wgen_tui.ui.widgets.bars import MessageLine

if TYPE_CHECKING:
    from store.samples.rows import SampleRow
    from wgen_tui.services.control.status import Machine
    from wgen_tui.ui.screens.compare import CompareScreen
    from wgen_tui.ui.screens.samples import SamplesScreen
    from wgen_tui.ui.screens.sql import SqlScreen
    from wgen_tui.ui.state.shared.app_bar import Everywhere
    from wgen_tui.ui.typed_ahead import TypedAhead
    from wgen_tui.ui.widgets.clipboard import Copied

LATER = 0.5  # seconds between two checks whether the first screen has what it shows
SUPERVISOR_CHECK_EVERY = 5.0  # seconds between two checks whether work waits for a supervisor
SUPERVISOR_RETRY_AFTER = 60.0  # seconds after one that did not start
ORPHANED = "Work is queued and no supervisor runs; --readonly starts none."

SCREENS = ("experiments", "runs", "samples", "grade", "results", "sql")


def load_screen(name: str) -> type[BaseScreen]:
    """The class of a screen; its module is loaded when it is first asked for."""
    module = import_module(f"wgen_tui.ui.screens.{name}")
    screen: type[BaseScreen] = getattr(module, f"{name.title()}Screen")
    return screen


class WgenApp(KeysApp):
    """The six screens over one home.

    Attributes:
        home: Where everything is.
        readonly: Whether nothing may be changed.
        experiment: The experiment in hand, named in every screen's bar; chosen with enter.
        everywhere: What the bar last said is true on every screen; None before it was read.
        machine: Measures the machine; None for the one that this runs on.
        typed: Keys that wait for what the keys before them open.
        supervisor_error: Why the last supervisor did not start; empty when none had to, or it did.
    """

    TITLE = "wgen-tui"
    CSS_PATH: ClassVar[list[str]] = [  # type: ignore[assignment]
        "app.tcss",
        "modals/dialogs.tcss",
        *(f"screens/{name}.tcss" for name in SCREENS),
    ]
    BINDINGS = actions.bindings(actions.GLOBAL)
    ENABLE_COMMAND_PALETTE = True
    COMMAND_PALETTE_BINDING = "ctrl+p"

    def __init__(
        self,
        home: Home,
        *,
        readonly: bool = False,
        screen: str | None = None,
        experiment: str | None = None,
        machine: Machine | None = None,
    ) -> None:
        super().__init__(home, readonly=readonly)
        if screen is not None and screen not in SCREENS:
            raise UsageError(
                f"There is no screen {screen!r}.",
                title="Screen",
                hint=f"One of {', '.join(SCREENS)}.",
            )
        self._experiment = experiment
        self._arms: dict[str, ArmColours] = {}
        self.everywhere: Everywhere | None = None
        self._arms_known: set[str] = set()  # whose definition was read
        self.machine = machine
        self.supervisor_error = ""
        self._next_supervisor_check = float("-inf")
        self._painter = Painter()
        self.animation_level = "none"  # of a text that scrolls, each step is sent
        self._gates: list[LineFilter] = [VisibleText()]
        if not shows_utf8(os.environ):
            self._gates.append(AsciiSigns())
        if self.no_color:  # not Textual's greys: the terminal's own two colours, bold, dim, reverse
            self._filters = [NoColor()]
        for theme in THEMES:
            self.register_theme(theme)
        # Only now: which of the two fills the cells goes by the theme, which may be one of ours.
        self.ansi_theme_dark, self.ansi_theme_light = ANSI_DARK, ANSI_LIGHT
        if "TEXTUAL_THEME" not in os.environ:
            self.theme = DARK.name
        self.stylesheet.set_variables(self.get_css_variables())
        self._sheets_of = self._css_update_count
        self._first_screen = screen or "experiments"
        first = ("app.tcss", f"{self._first_screen}.tcss")
        self._later_sheets = [path for path in self.css_path if path.name not in first]
        self.css_path = [path for path in self.css_path if path.name in first]
        self._named_screens: dict[str, BaseScreen] = {}

    def get_default_screen(self) -> Screen[Any]:
        """The first of the screens: an empty one below it would be laid out and painted first."""
        first = self.get_named_screen(self._first_screen)
        first._push_result_callback(first, None)  # `switch_screen` takes off what a push puts on
        return first

    def on_mount(self) -> None:
        # A terminal that something else had (an editor, the shell) shows what that left there.
        for signal_ in (self.app_suspend_signal, self.app_resume_signal):
            signal_.subscribe(self, lambda _: self._painter.forget(), immediate=True)
        self.call_after_refresh(self._after_first_frame)
        self.set_timer(LATER, self._begin_rest)

    def _after_first_frame(self) -> None:
        """Read what it did not need; no other screen and no dialog can be there yet."""
        for path in self._later_sheets:
            self.stylesheet.add_source(path.read_text(encoding="utf-8"), (str(path), ""))
        self.read_keys()

    def _begin_rest(self) -> None:
        """Begin what nobody waits for, once the first screen has what it shows."""
        if not self.screen_stack:  # it has been quit meanwhile
            return
        if isinstance(self.screen, BaseScreen) and self.screen.loading_any:
            self.set_timer(LATER, self._begin_rest)
            return
        if not gc.isenabled():  # whoever opened the screens put it off until here
            gc.freeze()  # what is loaded stays: it need not be gone through again and again
            gc.enable()
        self.ensure_supervisor()
        self._load_screens()

    @work(thread=True, group="screens")
    def _load_screens(self) -> None:
        """Load the other screens and the dialogs, so that the first key to one need not."""
        for name in (*SCREENS, "compare"):
            load_screen(name)
        for name in modals.__all__:
            getattr(modals, name)

    def ensure_supervisor(self) -> None:
        """Start a supervisor if work waits for one; under --readonly, notify of it.

        Does nothing when it was called a few seconds ago.
        """
        if time.monotonic() < self._next_supervisor_check:
            return
        self._next_supervisor_check = time.monotonic() + SUPERVISOR_CHECK_EVERY
        self._ensure_supervisor()

    @work(thread=True, group="supervisor")
    def _ensure_supervisor(self) -> None:
        poller = services.status.StatusPoller(self.home)
        try:
            if self.readonly:
                if poller.orphaned():
                    self._next_supervisor_check = float("inf")  # once is enough
                    self.notify(ORPHANED, title="Read-only", severity="warning", markup=False)
                return
            if poller.ensure_supervisor():
                self.notify("Started a supervisor for the work that waits.")
            self.supervisor_error = ""
        except (WgenError, OSError) as error:
            self._next_supervisor_check = time.monotonic() + SUPERVISOR_RETRY_AFTER
            self.supervisor_error = printable(str(error))
            self.notify(
                self.supervisor_error, title="No supervisor", severity="error", markup=False
            )

    def refresh_css(self, animate: bool = True) -> None:
        """Read the style sheets again, once for all that asked; what was set before is in them."""
        if self._sheets_of != self._css_update_count:
            self._sheets_of = self._css_update_count
            super().refresh_css(animate)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and the last gate before the terminal."""
        return [*super().get_line_filters(), *self._gates]

    async def on_event(self, event: events.Event) -> None:
        """A key goes to what the keys before it have opened."""
        typed = isinstance(event, events.Key | events.Paste) and not event.is_forwarded
        if typed and self.screen_stack:
            await self.typed.take(cast("events.Key | events.Paste", event))
        else:
            await super().on_event(event)

    @cached_property
    def typed(self) -> TypedAhead:
        """What has been typed ahead; made by the first key, after the first frame."""
        typed: TypedAhead = import_module("wgen_tui.ui.typed_ahead").TypedAhead(self)
        return typed

    def resume_typed(self) -> None:
        """What keys may have waited for is there; without a key nothing waits."""
        if "typed" in vars(self):
            self.typed.resume()

    async def dispatch_typed(self, event: events.Key | events.Paste) -> None:
        """What the last key said goes before the next key does anything."""
        for line in self.screen.query(MessageLine):
            line.clear()
        await super().on_event(event)

    @property
    def experiment(self) -> str | None:
        """The experiment in hand; None while none has been chosen."""
        return self._experiment

    @experiment.setter
    def experiment(self, slug: str | None) -> None:
        self._experiment = slug
        if self.screen_stack and isinstance(self.screen, BaseScreen) and self.screen.is_mounted:
            self.screen.show_experiment()

    def keep_arms(self, arms: dict[str, tuple[str, ...]]) -> None:
        """Give the arms of these experiments their colours, in the order of the definitions."""
        self._arms |= {slug: ArmColours(names) for slug, names in arms.items()}
        self._arms_known |= set(arms)

    def without_arms(self, slugs: Iterable[str]) -> list[str]:
        """Those of these experiments whose definitions' arms have no colours of theirs yet."""
        return [slug for slug in dict.fromkeys(slugs) if slug not in self._arms_known]

    def arm_colours(self, experiment: str | None) -> ArmColours:
        """The colours of an experiment's arms; without its definition, as they come up."""
        return self._arms.setdefault(experiment or "", ArmColours())

    def on_resize(self) -> None:
        self._painter.forget()  # a terminal may wrap or clear what it shows

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Send what differs from what the terminal shows."""
        super()._display(screen, self._painter.changes(renderable, screen))

    def get_named_screen(self, name: str) -> BaseScreen:
        """A screen by name; created at its first use, then kept."""
        if name not in self._named_screens:
            self._named_screens[name] = load_screen(name)()
            self.install_screen(self._named_screens[name], name)
        return self._named_screens[name]

    def action_go(self, name: str) -> None:
        """Show another screen, unless a dialog is open."""
        if self.screen.is_modal:
            return
        target = self.get_named_screen(name)
        if self.screen is target:
            target.notify_plain(f"{actions.title(name)} is what you see.")
            return
        self.clear_notifications()  # those of the old screen would cover the new one
        self.switch_screen(target)

    def show_samples(self, filter_fields: dict[str, Any], what: str = "") -> None:
        """Go to Samples and list those that these fields of a `Filter` let through.

        Esc there comes back to the screen that this was called from, which stays as it is.

        Args:
            filter_fields: As `store.samples.filters.Filter` has them; a tuple of values lets
                through each of them.
            what: In a few words, what they are of, such as `old_birds × city`; stands beside n.
        """
        screen = cast("SamplesScreen", self.get_named_screen("samples"))
        origin = self.screen.SCOPE if isinstance(self.screen, BaseScreen) else ""
        screen.set_filter(filter_fields, origin=origin, what=what)
        self.action_go("samples")

    def show_comparison(self, row: SampleRow, filter_fields: dict[str, Any]) -> None:
        """Go to the arms side by side, at the question of this sample."""
        cast("CompareScreen", self.get_named_screen("compare")).compare(row, filter_fields)
        self.action_go("compare")

    def show_query(self, sql: str) -> None:
        """Go to SQL with this query in the editor."""
        screen = self.get_named_screen("sql")
        cast("SqlScreen", screen).set_query(sql)
        self.action_go("sql")

    def action_theme(self) -> None:
        """Choose a theme, seen while it is chosen."""
        if not self.screen.is_modal:
            self.search_themes()

    async def action_back(self) -> None:
        """Esc: what the screen makes of it."""
        if isinstance(self.screen, BaseScreen):
            self.screen.action_back()

    def copy_to_clipboard(self, text: str) -> None:
        """Copy by way of tmux, the terminal or a file; says which, and whether it is certain."""
        self._copy(text, "")

    def copy_text(self, text: str, what: str) -> None:
        """Copy, and say what beside where."""
        self._copy(text, what)

    @work(thread=True, group="copy", exclusive=True)
    def _copy(self, text: str, what: str) -> None:
        place = None if self.readonly else self.home.exports
        copied = later.clipboard.copy(text, os.environ, place)
        self.call_from_thread(self._show_copied, text, copied, what)

    def _show_copied(self, text: str, copied: Copied, what: str) -> None:
        self._clipboard = text
        if copied.sequence and self._driver is not None:
            self._driver.write(copied.sequence)
        severity = "information" if copied.safe else "warning"
        if isinstance(self.screen, BaseScreen):
            self.screen.notify_plain(copied.said, what, severity)
        else:
            self.notify(printable(copied.said), markup=False)

    async def action_quit(self) -> None:
        """Leave; supervisor and workers go on."""
        self.exit(0)


def run_app(
    home: Home,
    *,
    readonly: bool = False,
    screen: str | None = None,
    experiment: str | None = None,
) -> int:
    """Open the screens and return the exit code when they are left."""
    # Whoever started us with SIGHUP ignored (nohup) did not mean screens without a terminal: they
    # would outlive it, reading its end again and again.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    share_memory()  # before the first thread: one that has a heap of its own keeps it
    end_with_the_terminal()
    app = WgenApp(home, readonly=readonly, screen=screen, experiment=experiment)
    code = app.run()
    return code if code is not None else (app.return_code or 0)
