"""What the six screens share: bars, messages, panels, the experiment in hand, read-only.

Promises: a key's result is said in the line above the keys; what the bar above says is read in a
thread; below 60x16 a screen says so instead of being cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.geometry import NULL_SIZE
from textual.timer import Timer
from textual.widget import Widget, _RenderCache
from textual.widgets import Static

from wgen_tui.ui import actions, modals, services, state
from wgen_tui.ui.state.shared.arm_colours import ArmColours
from wgen_tui.ui.threads import ThreadedScreen, loads
from wgen_tui.ui.widgets.bars import KeyBar, MessageLine, TopBar
from wgen_tui.ui.widgets.panels import Panels

if TYPE_CHECKING:
    from wgen_tui.ui.state.shared.app_bar import Everywhere

WIDE = 120  # columns from which on things stand side by side
LEAST = (60, 16)  # columns and rows that a screen needs
SETTLED = 0.12  # seconds without a move of the cursor, after which details are read
NOTHING_TO_LEAVE = "There is nothing here to go back from."
BAR_EVERY = 4.0  # seconds between two reads of what the bar above says
BAR_WAITS = 1  # reads that are left out at most while the screen has something else to read


class BaseScreen(ThreadedScreen):
    """One of the six screens.

    Attributes:
        SCOPE: Its name.
        TAB: The screen whose tab is marked, where it is none of the six itself.
        ENTER: Id of a panel → what enter does there, in two words.
        DIVIDED: Id of the panel whose size `<` and `>` change.
    """

    SCOPE: ClassVar[str] = ""
    TAB: ClassVar[str] = ""
    ENTER: ClassVar[dict[str, str]] = {}
    DIVIDED: ClassVar[str] = "list"
    AUTO_FOCUS = "VirtualTable"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Screen declares it
        (0, "-narrow"),
        (WIDE, "-wide"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._settling: Timer | None = None
        self._panels = Panels(self)
        self._bar_waited = 0

    def compose(self) -> ComposeResult:
        # Textual does so at the first resize: after a frame, which would be laid out anew.
        self.add_class("-wide" if self.app.size.width >= WIDE else "-narrow")
        yield TopBar(self.TAB or self.SCOPE, self.wgen.readonly)
        yield from self.compose_content()
        yield MessageLine()
        yield KeyBar(self.SCOPE, self.wgen.readonly)
        yield Static("", id="small", markup=False)

    def on_mount(self) -> None:
        self.every(BAR_EVERY, "bar", self._poll_bar)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self._poll_bar)
        self.show_experiment()

    def on_screen_suspend(self) -> None:
        """Let go of what was drawn, unless a dialog alone stands before it.

        Textual keeps every line that a hidden screen has shown, with what it was cut from: a
        megabyte each.
        """
        if not self.is_current:
            for widget in self.walk_children(Widget):
                widget.refresh()
                widget._render_cache = _RenderCache(NULL_SIZE, [])

    def on_resize(self) -> None:
        """Say so where the terminal is too small; the divider is where it was at this width."""
        size = self.app.size
        small = size.width < LEAST[0] or size.height < LEAST[1]
        self.set_class(small, "-small")
        if small:
            least = f"{LEAST[0]}x{LEAST[1]}"
            text = f"{least} at least; this is {size.width}x{size.height}"
            self.query_one("#small", Static).update(text)
        self._panels.resized()

    def _compositor_refresh(self) -> None:
        """Below a dialog, ask once for what changed.

        Textual leaves the whole screen marked as changed there: each timer and each answer of a
        thread would have dialog and screen drawn anew.
        """
        super()._compositor_refresh()
        if self is not self.app.screen:
            self._repaint_required = False

    def compose_content(self) -> ComposeResult:
        """What stands between the bars."""
        raise NotImplementedError

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # A key that the screen has for itself is its own alone: one binding for each key.
        own = {key for action in actions.of_scope(cls.SCOPE) for key in action.key.split(",")}
        taken = [a.id for a in actions.of_scope(actions.SCREENS) if own & set(a.key.split(","))]
        shared = actions.bindings(actions.SCREENS, without=taken)
        cls.BINDINGS = [*actions.bindings(cls.SCOPE), *shared] if cls.SCOPE else []
        super().__init_subclass__(**kwargs)

    # What is true everywhere

    def show_experiment(self) -> None:
        """Name the experiment in hand in the bar above."""
        self.query_one(TopBar).show(self.wgen.everywhere, self.wgen.experiment)

    def _poll_bar(self) -> None:
        """Read what the bar says, unless that is under way or the screen is hidden.

        What the screen itself reads goes first, but not for ever: Runs reads every second.
        """
        if not self.is_current or self.busy("bar"):
            return
        if self.loading_any and self._bar_waited < BAR_WAITS:
            self._bar_waited += 1
            return
        self._bar_waited = 0
        self._read_bar()

    @loads("bar", then="_show_bar")
    def _read_bar(self) -> Everywhere:
        return state.app_bar.everywhere(services.runs.list_runs(self.home), services.gpus.probe())

    def _show_bar(self, now: Everywhere) -> None:
        self.wgen.everywhere = now
        self.query_one(TopBar).show(now, self.wgen.experiment)

    def arm_colours(self, experiment: str | None) -> ArmColours:
        """The styles of an experiment's arms; the same object until its definition changes."""
        return self.wgen.arm_colours(experiment)

    # Panels

    def action_zoom(self) -> None:
        """Give the focused panel the whole screen, or put all back."""
        if not self._panels.zoom(self.focused):
            self.notify_plain("This panel is the whole screen already.", "Zoom")

    def action_divide(self, by: int) -> None:
        """Move the divider."""
        if not self._panels.divide(self.DIVIDED, by):
            self.notify_plain("No divider can move here.", "Divider")

    # The experiment in hand

    def action_choose_experiment(self) -> None:
        """Take another experiment in hand."""
        self._read_experiments()

    @loads("experiments", then="_offer_experiments", opens=True)
    def _read_experiments(self) -> list[str]:
        started = dict.fromkeys(run.experiment for run in services.runs.list_runs(self.home))
        return list(started | dict.fromkeys(i.slug for i in services.names.list_names(self.home)))

    def _offer_experiments(self, slugs: list[str]) -> None:
        def chosen(index: int | None) -> None:
            if index is not None:
                self.wgen.experiment = slugs[index]
                self.experiment_chosen()

        current = self.wgen.experiment
        index = slugs.index(current) if current in slugs else 0
        self.app.push_screen(modals.ChooseModal("Which experiment?", slugs, index), chosen)

    def experiment_chosen(self) -> None:
        """Called when another experiment was taken in hand here."""

    def pick_experiment(self) -> None:
        """When no experiment is chosen, choose one that has runs, if there is one."""
        if not self.busy("pick"):
            self._read_likely_experiment()

    @loads("pick", then="_experiment_picked")
    def _read_likely_experiment(self) -> str | None:
        counts = state.experiments.run_counts(services.runs.list_runs(self.home))
        return state.experiments.most_alive(list(counts), counts)

    def _experiment_picked(self, slug: str | None) -> None:
        if slug is not None and self.wgen.experiment is None:
            self.wgen.experiment = slug
            self.experiment_picked()

    def experiment_picked(self) -> None:
        """Called when `pick_experiment` has chosen one."""

    def when_settled(self, load: Callable[[], None]) -> None:
        """Call `load` once the cursor has stood still: a held key moves faster than one reads."""
        if self._settling is not None:
            self._settling.stop()

        def settled() -> None:
            self._settling = None
            load()

        self._settling = self.set_timer(SETTLED, settled)

    @property
    def settling(self) -> bool:
        """Whether the cursor moved a moment ago."""
        return self._settling is not None

    def enter_label(self, panel: str) -> str | None:
        """What enter does in a panel now, in two words."""
        return self.ENTER.get(panel)

    def writing_keys(self, panel: str) -> list[actions.Action] | None:
        """What the key line names in a panel where letters are written; None elsewhere."""
        return None

    def extra_help(self) -> list[tuple[str, list[actions.Action]]]:
        """Keys that depend on what the screen shows now, for the help."""
        return []

    def check_writable(self) -> bool:
        """Whether the home may be changed; notifies when not."""
        if self.wgen.readonly:
            self.notify_plain("Nothing is changed under --readonly.", "Read-only", "warning")
        return not self.wgen.readonly

    def action_back(self) -> None:
        """Focus the widget that had the focus when the screen opened."""
        first = self.query(self.AUTO_FOCUS or "*").first()
        if self.focused is first and not any(line.said for line in self.query(MessageLine)):
            self.notify_plain(NOTHING_TO_LEAVE)
        self.app.set_focus(first)
