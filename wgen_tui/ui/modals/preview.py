"""Training data as the model sees it, an arm to a page, then the questions.

Promises: the worker that makes it ends with this screen; what is wrong with the definition, the
data or the tokenizer stands where the data would.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.screens.base import ThreadedScreen
from wgen_tui.ui.state import preview as state
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from wgen_tui.services.experiments.definitions import ExperimentInfo
    from wgen_tui.services.planning.preview import PreviewWorker
    from wgen_tui.training_data.records import PreviewReport

SHOWN = 20  # examples of an arm, and prompts
TICK = 0.25


class Encoded(Message):
    """How many examples the worker has encoded."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__()
        self.done = done
        self.total = total


class PreviewModal(ThreadedScreen, ModalScreen[None]):
    """Pages through a report; j and k scroll."""

    CSS_PATH = "preview.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,p", "close", "close"),
        Binding("right_square_bracket,right,l,n", "page(1)", "next arm"),
        Binding("left_square_bracket,left,h", "page(-1)", "previous arm"),
        Binding("m", "model", "model"),
    ]

    def __init__(self, info: ExperimentInfo) -> None:
        super().__init__()
        self._info = info
        self._model: str | None = None
        self._report: PreviewReport | None = None
        self._page = 0
        self._began = time.monotonic()
        self._encoding: tuple[int, int] | None = None
        self._child: PreviewWorker | None = None
        self._left = False

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(Text(state.LEGEND, "dim"), id="legend", markup=False)
        yield TextPane(id="page")
        yield Static(
            Text("j k scroll · [ ] other arm · m other model · esc closes", "dim"), id="foot"
        )

    def on_mount(self) -> None:
        self.query_one("#title", Static).update(Text(f"Preview of {self._info.slug}", "bold"))
        self.query_one(TextPane).focus()
        self._waiting = self.set_interval(TICK, self._wait)
        self._begin()

    def _begin(self) -> None:
        """Have the report made; a worker that makes an older one ends."""
        self._end_child()
        self._report, self._encoding, self._began = None, None, time.monotonic()
        self._waiting.resume()
        self._wait()
        home, path, model = self.home, self._info.path, self._model

        def work() -> PreviewReport | WgenError | None:
            from wgen_tui.services.planning import preview  # noqa: PLC0415 - not before the frame

            try:
                request = preview.make_request(home, path, model=model, show=SHOWN)
                with preview.PreviewWorker(request) as worker:
                    self._child = worker
                    if self._left:
                        return None
                    return worker.report(self._tell)
            except WgenError as error:
                return error

        self.load("preview", work, self._came, self._waiting.pause)

    def on_unmount(self) -> None:
        self._left = True
        self._end_child()

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None

    def _tell(self, done: int, total: int) -> None:
        self.post_message(Encoded(done, total))

    def on_encoded(self, message: Encoded) -> None:
        self._encoding = (message.done, message.total)

    def _wait(self) -> None:
        text = state.waiting(time.monotonic() - self._began, self._encoding)
        self.query_one(TextPane).show(Text(text, "dim"))

    def _came(self, found: PreviewReport | WgenError | None) -> None:
        self._waiting.pause()
        if isinstance(found, WgenError):
            text = Text(f"✗ {found.title}\n", "bold red")
            text.append(printable(str(found)), "default")
            self.query_one(TextPane).show(text)
        elif found is not None:
            self._report = found
            self._show()

    def _show(self) -> None:
        assert self._report is not None
        self.query_one("#title", Static).update(state.page_title(self._report, self._page))
        self.query_one(TextPane).show(state.page_text(self._report, self._page, SHOWN))

    def action_page(self, way: int) -> None:
        if self._report is not None:
            self._page = (self._page + way) % state.pages(self._report)
            self._show()

    def action_model(self) -> None:
        now = self._model or next(iter(self._info.models), "")
        hint = Text("Whose tokenizer: tiny-world, a hub id or a folder; empty: the first.", "dim")
        self.app.push_screen(AskModal("Model", now, hint), self._chosen)

    def _chosen(self, model: str | None) -> None:
        if model is not None:
            self._model = model.strip() or None
            self._page = 0
            self._begin()

    def action_close(self) -> None:
        self.dismiss(None)
