"""Training data as the model sees it, a page for each arm, then the questions.

Promises: the worker that makes it ends with this screen; an error in the definition, the data or
the tokenizer is shown in the place of the data.
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
from wgen_tui.ui import services
from wgen_tui.ui.modals.dialogs import AskModal
from wgen_tui.ui.state import preview as state
from wgen_tui.ui.threads import ThreadedScreen, loads
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.preview import PreviewWorker
    from wgen_tui.training_data.records import PreviewReport

SHOWN = 20  # examples of an arm, and prompts
PROGRESS_EVERY = 0.25


class Encoded(Message):
    """The worker has encoded more examples."""

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
        self._started_at = time.monotonic()
        self._encoded: tuple[int, int] | None = None
        self._worker: PreviewWorker | None = None
        self._closed_early = False

    def compose(self) -> ComposeResult:
        yield Static(id="title", markup=False)
        yield Static(Text(state.LEGEND, "dim"), id="legend", markup=False)
        yield TextPane(id="page")
        yield Static(
            Text("j k scroll · [ ] other arm · m other model · esc closes", "dim"), id="foot"
        )

    def on_mount(self) -> None:
        self.query_one("#title", Static).update(
            Text(printable(f"Preview of {self._info.slug}"), "bold")
        )
        self.query_one(TextPane).focus()
        self._progress_timer = self.set_interval(PROGRESS_EVERY, self._show_progress)
        self._restart()

    def _restart(self) -> None:
        """Make the report; a worker that makes an older one is stopped."""
        self._stop_worker()
        self._report, self._encoded, self._started_at = None, None, time.monotonic()
        self._progress_timer.resume()
        self._show_progress()
        self._make_report(self._model)

    @loads("preview", then="_show_report", failed="_report_failed")
    def _make_report(self, model: str | None) -> PreviewReport | WgenError | None:
        preview = services.preview
        try:
            request = preview.make_request(self.home, self._info.path, model=model, show=SHOWN)
            with preview.PreviewWorker(request) as worker:
                self._worker = worker
                if self._closed_early:
                    return None
                return worker.report(self._report_progress)
        except WgenError as error:
            return error

    def on_unmount(self) -> None:
        self._closed_early = True
        self._stop_worker()

    def _stop_worker(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _report_progress(self, done: int, total: int) -> None:
        self.post_message(Encoded(done, total))

    def on_encoded(self, message: Encoded) -> None:
        self._encoded = (message.done, message.total)

    def _show_progress(self) -> None:
        text = state.waiting(time.monotonic() - self._started_at, self._encoded)
        self.query_one(TextPane).show(Text(text, "dim"))

    def _show_report(self, report: PreviewReport | WgenError | None) -> None:
        self._progress_timer.pause()
        if isinstance(report, WgenError):
            text = Text(f"✗ {report.title}\n", "bold red")
            text.append(printable(str(report)), "default")
            self.query_one(TextPane).show(text)
        elif report is not None:
            self._report = report
            self._show()

    def _report_failed(self) -> None:
        self._progress_timer.pause()

    def _show(self) -> None:
        assert self._report is not None
        self.query_one("#title", Static).update(state.page_title(self._report, self._page))
        self.query_one(TextPane).show(state.page_text(self._report, self._page, SHOWN))

    def action_page(self, step: int) -> None:
        if self._report is not None:
            self._page = (self._page + step) % state.pages(self._report)
            self._show()

    def action_model(self) -> None:
        current = self._model or next(iter(self._info.models), "")
        hint = Text(
            "Model with the tokenizer: tiny-world, a hub id or a folder; empty: the first.", "dim"
        )
        self.app.push_screen(AskModal("Model", current, hint), self._use_model)

    def _use_model(self, model: str | None) -> None:
        if model is not None:
            self._model = model.strip() or None
            self._page = 0
            self._restart()

    def action_close(self) -> None:
        self.dismiss(None)
