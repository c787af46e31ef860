"""Training data in the place of the card: token by token as a model sees them, or as rows in words.

Promises: tokens are made by a worker process, one at a time, which ends when one turns to another
experiment or leaves; what it made is kept while stat says the same of every file it was made of;
why something cannot be shown stands in its place.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text
from textual.message import Message
from textual.timer import Timer

from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import printable
from wgen_tui.ui import modals, services, state
from wgen_tui.ui.screens.experiment_headlines import ExperimentHeadlines
from wgen_tui.ui.state.cells import BAD, DIM
from wgen_tui.ui.threads import loads

if TYPE_CHECKING:
    from pathlib import Path

    from wgen_tui.services.experiments.names import ExperimentInfo
    from wgen_tui.services.planning.preview import PreviewWorker
    from wgen_tui.training_data.records import PreviewReport

SHOWN = 20  # examples of an arm, and prompts
VIEWS = ("card", "tokens", "arms")
REST = 0.5  # seconds on one experiment before a worker is started for it
PROGRESS_EVERY = 0.25
CHANGED = "its files have changed: made again…"
NOT_MADE = "The message line says why. It is tried again."
OTHER_MODEL = "m takes another model's tokenizer; v checks the definition and all its data"


class Encoded(Message):
    """The worker has encoded more examples."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__()
        self.done = done
        self.total = total


class Wanted(NamedTuple):
    """Whose tokens: a definition's, by the tokenizer of a model, or of its first."""

    folder: Path
    model: str | None


class ExperimentTokens(ExperimentHeadlines):
    """The part of Experiments that shows training data.

    Attributes:
        view: Which of VIEWS stands in the panel.
        page: Which arm of the tokens; the questions are the last.
    """

    def __init__(self) -> None:
        super().__init__()
        self.view = "card"
        self.page = 0
        self._tokens_of: Wanted | None = None
        self._report: PreviewReport | WgenError | None = None
        self._worker: PreviewWorker | None = None
        self._began = 0.0
        self._encoded: tuple[int, int] | None = None
        self._resting_on: Timer | None = None

    # What the subclass has

    def draw_panel(self) -> None:
        """Draw what stands in the panel."""
        raise NotImplementedError

    # What stands there

    @property
    def views(self) -> dict[str, str]:
        """The views, and what they are called; of the tokens which page is shown."""
        tokens = f"tokens {self._place}".strip() if self.view == "tokens" else "tokens"
        return {view: tokens if view == "tokens" else view for view in VIEWS}

    @property
    def _place(self) -> str:
        if self._report is None or isinstance(self._report, WgenError):
            return ""
        return f"{self.page + 1}/{state.preview.pages(self._report)}"

    @property
    def _making_again(self) -> bool:
        """Whether what is shown is of files that are others by now."""
        return self._resting_on is not None or bool(self._began)

    @property
    def token_page(self) -> tuple[object, ...]:
        """What of the tokens is shown: another page begins at its top."""
        return (self._tokens_of, self.page)

    def tokens_text(self) -> Text:
        """The page of an arm, or how far the worker is, or why there is none."""
        if isinstance(self._report, WgenError):
            text = Text(f"✗ {printable(self._report.title)}\n", f"bold {BAD}")
            text.append(f"{printable(str(self._report))}\n", "default")
            return text.append(f"\n{OTHER_MODEL}\n", DIM)
        if self._report is None:
            waited = time.monotonic() - self._began if self._began else 0.0
            return Text(state.preview.waiting(waited, self._encoded), DIM)
        text = Text().append_text(state.preview.page_title(self._report, self.page))
        keys = CHANGED if self._making_again else "] [ other arm  m model"
        text.append("\n").append(f"{state.preview.LEGEND}  ·  {keys}\n\n", DIM)
        return text.append_text(state.preview.page_text(self._report, self.page, SHOWN))

    # Keys

    def action_preview(self) -> None:
        """Card, tokens, rows of the arms, card again."""
        self.action_pick_view(VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)])

    def action_pick_view(self, view: str) -> None:
        """Show a view: the next one, or the one that was clicked in the title."""
        if (info := self._valid()) is None:
            return
        self.view = view
        if self.view == "tokens":
            failed = self._tokens_of if isinstance(self._report, WgenError) else None
            if failed is not None and failed.folder == info.path:
                self._turn_to(failed, errors=False)  # what it missed may have come since
            else:
                self.want_tokens(info)
        self.draw_panel()

    def action_arm(self, step: int) -> None:
        """The tokens of the next arm."""
        if self.view != "tokens":
            self.notify_plain("p shows the tokens first; there it goes to another arm.", "Arm")
        elif self._report is None or isinstance(self._report, WgenError):
            self.notify_plain("There is no other arm to show yet.", "Arm")
        else:
            self.page = (self.page + step) % state.preview.pages(self._report)
            self.draw_panel()

    def action_model(self) -> None:
        """Take another model's tokenizer."""
        if self.view != "tokens" or self._tokens_of is None or (info := self._valid()) is None:
            self.notify_plain("p shows the tokens first; there it takes another model.", "Model")
            return
        folder, model = self._tokens_of
        hint = Text(
            "Model with the tokenizer: tiny-world, a hub id or a folder; empty: the first.", DIM
        )

        def use(model: str | None) -> None:
            if model is not None:
                self._turn_to(Wanted(folder, model.strip() or None))

        current = model or next(iter(info.models), "")
        self.app.push_screen(modals.AskModal("Model", current, hint), use)

    def leave_view(self) -> bool:
        """Show the card again; whether something else was shown."""
        other = self.view != "card"
        self.view = "card"
        if other:
            self.draw_panel()
        return other

    # Making tokens

    def want_tokens(self, info: ExperimentInfo | None) -> None:
        """Show an experiment's tokens; ask again whether its files are still the same.

        Args:
            info: The experiment under the cursor; None where its definition has none to show.
        """
        if info is None:
            self._turn_to(None)
        elif self.view != "tokens":
            if self._tokens_of is not None and self._tokens_of.folder != info.path:
                self._turn_to(None)
        elif self._tokens_of is None or self._tokens_of.folder != info.path:
            self._turn_to(Wanted(info.path, None))
        elif not self.busy("tokens") and self._resting_on is None:
            self._ask_kept(self._tokens_of)

    def _turn_to(self, wanted: Wanted | None, *, errors: bool = True) -> None:
        """Show the tokens of something else, or of nothing; a worker at work is ended."""
        self._stop()
        self._tokens_of, self.page = wanted, 0
        self._report, self._encoded, self._began = None, None, 0.0
        if wanted is not None:
            self.draw_panel()
            self._ask_kept(wanted, errors=errors)

    def _stop(self) -> None:
        for group in ("kept", "tokens"):
            self.discard_load(group)
        if self._resting_on is not None:
            self._resting_on.stop()
            self._resting_on = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    @loads("kept", then="_kept_answered")
    def _ask_kept(self, wanted: Wanted, *, errors: bool = True) -> PreviewReport | WgenError | None:
        """What was made before, if it is of the files of now."""
        return services.preview.kept(wanted, errors=errors)

    def _kept_answered(self, report: PreviewReport | WgenError | None) -> None:
        if report is not None:
            self._keep_report(report)
        elif self._tokens_of is not None:
            self._resting_on = self.set_timer(REST, self._make)
            self.draw_panel()

    def _make(self) -> None:
        self._resting_on = None
        if self._tokens_of is None:
            return
        self._encoded, self._began = None, time.monotonic()
        self._make_report(self._tokens_of)

    @loads("tokens", then="_keep_report", failed="_say_not_made")
    def _make_report(self, wanted: Wanted) -> PreviewReport | WgenError:
        def begun(worker: PreviewWorker) -> bool:
            if wanted != self._tokens_of:
                return False
            self._worker = worker
            return True

        return services.preview.make(self.home, wanted, SHOWN, begun, self._report_progress)

    def _say_not_made(self) -> None:
        self._stop()
        self._keep_report(WgenError(NOT_MADE, title="Not made"))

    def _report_progress(self, done: int, total: int) -> None:
        self.post_message(Encoded(done, total))

    def on_encoded(self, message: Encoded) -> None:
        self._encoded = (message.done, message.total)

    def _keep_report(self, report: PreviewReport | WgenError) -> None:
        if self._worker is not None and not self.busy("tokens"):
            self._worker = None
        if report is self._report:
            return
        self._report, self._began = report, 0.0
        if not isinstance(report, WgenError):
            self.page = min(self.page, state.preview.pages(report) - 1)
        self.draw_panel()

    def on_mount(self) -> None:
        self.set_interval(PROGRESS_EVERY, self._show_progress)

    def _show_progress(self) -> None:
        if self.view == "tokens" and self._began and self.is_current:
            self.draw_panel()

    def on_unmount(self) -> None:
        self._tokens_of = None
        self._stop()
