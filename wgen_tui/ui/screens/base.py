"""What the six screens share: bars above and below, an experiment to begin with, read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.timer import Timer

from wgen_tui.ui import actions, services
from wgen_tui.ui.state import experiments as state
from wgen_tui.ui.threads import ThreadedScreen, loads
from wgen_tui.ui.widgets.bars import KeyBar, TopBar

WIDE = 120  # columns from which on things stand side by side
SETTLED = 0.12  # seconds without a move of the cursor, after which details are read


class BaseScreen(ThreadedScreen):
    """One of the six screens."""

    SCOPE: ClassVar[str] = ""
    TAB: ClassVar[str] = ""  # whose name is marked above, where it is none of the six itself
    AUTO_FOCUS = "VirtualTable"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as Screen declares it
        (0, "-narrow"),
        (WIDE, "-wide"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._settling: Timer | None = None

    def compose(self) -> ComposeResult:
        # Textual does so at the first resize: after a frame, which would be laid out anew.
        self.add_class("-wide" if self.app.size.width >= WIDE else "-narrow")
        yield TopBar(self.TAB or self.SCOPE, self.wgen.readonly)
        yield from self.compose_content()
        yield KeyBar(self.SCOPE, self.wgen.readonly)

    def compose_content(self) -> ComposeResult:
        """What stands between the bars."""
        raise NotImplementedError

    def __init_subclass__(cls, **kwargs: Any) -> None:
        cls.BINDINGS = list(actions.bindings(cls.SCOPE)) if cls.SCOPE else []
        super().__init_subclass__(**kwargs)

    def pick_experiment(self) -> None:
        """When no experiment is chosen, choose one that has runs, if there is one."""
        if not self.busy("pick"):
            self._read_likely_experiment()

    @loads("pick", then="_experiment_picked")
    def _read_likely_experiment(self) -> str | None:
        counts = state.run_counts(services.runs.list_runs(self.home))
        return state.most_alive(list(counts), counts)

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
        self.app.set_focus(self.query(self.AUTO_FOCUS or "*").first())
