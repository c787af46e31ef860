"""One question, a column for each arm (or seed, checkpoint, variant): what each of them said.

Promises: equal texts are folded and counted; the share on top is of all draws; words that no
control says are marked; esc goes back to the row that this was opened from.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Static

from wgen_tui.errors import WgenError
from wgen_tui.terminal_text import one_line
from wgen_tui.ui import services
from wgen_tui.ui.screens.base import BaseScreen
from wgen_tui.ui.state import filters
from wgen_tui.ui.state.answers import answer_columns, side_by_side
from wgen_tui.ui.state.answers.answer_columns import Place
from wgen_tui.ui.state.answers.side_by_side import Measure
from wgen_tui.ui.state.outcomes.arm_order import places
from wgen_tui.ui.threads import loads
from wgen_tui.ui.widgets.pane import TextPane

if TYPE_CHECKING:
    from experiments.schema import Definition
    from store.samples.rows import SampleRow
    from store.samples.side_by_side import By, Column

WAYS: tuple[By, ...] = ("arm", "seed", "step", "variant")
WORDS = {"arm": "arms", "seed": "seeds", "step": "checkpoints", "variant": "variants"}
NOTHING = "Nothing to compare yet.\n\nPress 3, put the cursor on a sample and press =."


class Question(NamedTuple):
    """What is compared: one question of one experiment and model.

    Attributes:
        arm: Where seeds, checkpoints or variants are compared, of this arm.
        variant: Where these are not compared, this one.
        step: Only this checkpoint; the last of each run when None.
    """

    experiment: str
    model: str
    question: str
    arm: str
    variant: str
    step: int | None

    def fields(self, by: By) -> dict[str, Any]:
        """The fields of a Filter for the samples that are compared."""
        fields: dict[str, Any] = {
            "experiment": self.experiment,
            "model": self.model,
            "question": self.question,
        }
        if by != "arm":
            fields["arm"] = self.arm
        if by != "variant":
            fields["variant"] = self.variant
        if by != "step" and self.step is not None:
            fields["step"] = self.step
        return fields


class Said(NamedTuple):
    """What was read for a question."""

    question: Question
    by: By
    columns: list[Column]
    primary: Measure | None
    questions: list[str]
    asked: str


class Answers(Widget, can_focus=True):
    """The columns; it draws what the screen gives it and says when its size changes."""

    class Resized(Message):
        """It has another size."""

    def __init__(self) -> None:
        super().__init__(id="answers")
        self._text = Text()

    def show(self, text: Text) -> None:
        """Show these lines."""
        self._text = text
        self.refresh()

    def render(self) -> Text:
        return self._text

    def on_resize(self, event: events.Resize) -> None:
        self.post_message(self.Resized())


class CompareScreen(BaseScreen):
    """Question, columns, and the answer under the cursor in full."""

    SCOPE = "compare"
    TAB = "samples"
    AUTO_FOCUS = "#answers"
    DEFAULT_CSS = """
    CompareScreen #answers { height: 1fr; }
    CompareScreen #whole { height: 4; border-top: solid $panel; }
    CompareScreen.-wide #whole { height: 8; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._question: Question | None = None
        self._stale = False
        self._by: By = "arm"
        self._columns: list[Column] = []
        self._primary: Measure | None = None
        self._questions: list[str] = []
        self._asked = ""
        self._flips = False
        self._paired = False
        self._board: side_by_side.Board | None = None
        self._place = Place.first(0)

    def compose_content(self) -> ComposeResult:
        yield Static("", id="question", classes="line", markup=False)
        yield Answers()
        yield TextPane(id="whole")

    def on_mount(self) -> None:
        if self._question is None:
            self.query_one("#whole", TextPane).show(Text(NOTHING))

    def compare(self, row: SampleRow, fields: dict[str, Any]) -> None:
        """Compare what was said to the question of a sample.

        Args:
            row: The sample.
            fields: The filter of the list that it stands in; a step that it names is kept.
        """
        step = fields.get("step")
        question = Question(
            row.experiment,
            row.model,
            row.question,
            row.arm,
            row.variant,
            step if isinstance(step, int) and row.step == step != 0 else None,
        )
        self._stale = True
        if question != self._question:
            self._question, self._by, self._board = question, "arm", None

    # Reading

    def on_screen_resume(self) -> None:
        if self._stale and self._question is not None:
            self._stale = False
            self._read(self._question, self._by)

    @loads("compare", then="_loaded")
    def _read(self, question: Question, by: By) -> Said:
        samples = services.samples
        columns = samples.side_by_side(self.home, samples.filter_of(question.fields(by)), by)
        facets = samples.facets(self.home, samples.filter_of({"experiment": question.experiment}))
        definition = self._definition(question.experiment)
        if by == "arm" and definition is not None:
            place = places({str(c.value): c.role for c in columns}, tuple(definition.arms))
            columns.sort(key=lambda column: place[str(column.value)])
        first = next((row for column in columns for row in column.rows), None)
        asked = "" if first is None else _asked(samples.detail(self.home, first.sample_id).messages)
        return Said(
            question,
            by,
            columns,
            _primary_of(definition),
            sorted(str(value) for value, _ in facets.questions),
            asked,
        )

    def _definition(self, experiment: str) -> Definition | None:
        """The definition, if it can be read."""
        try:
            return services.definitions.load(self.home, experiment)
        except WgenError:  # the samples outlive their definition
            return None

    def _loaded(self, read: Said) -> None:
        fresh = (read.question, read.by) != (self._question, self._by) or self._board is None
        self._question, self._by, self._columns = read.question, read.by, read.columns
        self._primary, self._questions, self._asked = read.primary, read.questions, read.asked
        if fresh or len(self._place.answers) != len(read.columns):
            self._place = Place.first(len(read.columns))
        self._arrange()

    def _arrange(self) -> None:
        self._board = side_by_side.board(
            self._columns,
            self._by,
            self._primary,
            flips_only=self._flips,
            paired=self._paired,
        )
        self._place.move(self._board)
        self._draw()

    # Showing

    def on_answers_resized(self) -> None:
        self._draw()

    def _draw(self) -> None:
        board, question = self._board, self._question
        if board is None or question is None:
            return
        answers = self.query_one("#answers", Answers)
        size = answers.size
        colours = self.arm_colours(question.experiment)
        answers.show(answer_columns.drawn(board, self._place, size.width, size.height, colours))
        self.query_one("#question", Static).update(self._title(board, question))
        here = self._place.of(board)
        shown, _ = answer_columns.shown_sides(board, self._place, size.width)
        left_out = len(board.sides) - len(shown)
        whole = (
            Text("No draw flips here: v shows all.")
            if here is None
            else answer_columns.said_in_full(*here, left_out)
        )
        self.query_one("#whole", TextPane).show(whole)

    def _title(self, board: side_by_side.Board, question: Question) -> Text:
        """The question, then what is listed of it; what matters less goes where it is narrow."""
        names = [one_line(question.question, 30)]
        if self._by != "variant" and question.variant != "none":
            names.append(one_line(question.variant, 20))
        if self._by != "arm":
            names.append(one_line(question.arm, 20))
        ways = [
            *(["draw by draw"] if self._paired else []),
            *(["only flips"] if self._flips else []),
        ]
        beside = []
        if board.measure is not None:
            beside.append(f"{one_line(board.measure.label, 20)} by {board.measure.judge}")
        if question.question in self._questions:
            number = self._questions.index(question.question) + 1
            beside.append(f"{number} of {len(self._questions)}")
        head = (" · ".join(names), f'"{one_line(self._asked, 200)}"' if self._asked else "")
        return answer_columns.title_line(*head, " · ".join(ways), beside, self.size.width - 2)

    # Keys

    def action_side(self, step: int) -> None:
        self._move(columns=step)

    def action_answer(self, step: int) -> None:
        self._move(answers=step)

    def _move(self, columns: int = 0, answers: int = 0) -> None:
        if self._board is None:
            self.notify_plain(NOTHING.partition("\n")[0], "Compare")
            return
        before = (self._place.side, list(self._place.answers))
        self._place.move(self._board, columns, answers)
        if before == (self._place.side, list(self._place.answers)):
            what = "column" if columns else "answer"
            self.notify_plain(f"There is no other {what} on this side.")
        self._draw()

    def action_question(self, step: int) -> None:
        if self._question is None or not self._questions:
            self.notify_plain(NOTHING.partition("\n")[0], "Compare")
            return
        if len(self._questions) == 1:
            self.notify_plain("It is the only question.", "Compare")
            return
        at = self._questions.index(self._question.question)
        name = self._questions[(at + step) % len(self._questions)]
        self._read(self._question._replace(question=name), self._by)

    def action_flips(self) -> None:
        self._flips = not self._flips
        self._arrange_anew()

    def action_draws(self) -> None:
        """Each draw beside the same draw of the same seed in the other columns, or folded again."""
        self._paired = not self._paired
        self._arrange_anew()

    def _arrange_anew(self) -> None:
        if self._board is None:
            self.notify_plain(NOTHING.partition("\n")[0], "Compare")
        else:
            self._place = replace(Place.first(len(self._columns)), side=self._place.side)
            self._arrange()

    def action_columns(self) -> None:
        if self._question is None:
            self.notify_plain(NOTHING.partition("\n")[0], "Compare")
        else:
            by = WAYS[(WAYS.index(self._by) + 1) % len(WAYS)]
            self.notify_plain(f"{WORDS[by].capitalize()} side by side.", "Compare")
            self._read(self._question, by)

    def action_samples(self) -> None:
        """All draws that say the answer under the cursor."""
        here = None if self._board is None else self._place.of(self._board)
        if here is None or self._question is None:
            self.notify_plain("There is no answer under the cursor.", "Samples")
            return
        side, answer = here
        if self._paired:
            ids = tuple(row.sample_id for row in answer.rows)
            if not ids:
                self.notify_plain(f"{side.title} has no such draw.", "Samples")
                return
            self.wgen.show_samples({"ids": ids}, f"a draw of {side.title}")
            return
        fields = filters.with_values(self._question.fields(self._by), self._by, [side.value])
        steps = sorted({row.step for row in answer.rows})
        fields = filters.with_values(fields, "step", steps)
        self.wgen.show_samples({**fields, "completion": answer.text}, f"draws of {side.title}")

    def action_copy(self) -> None:
        here = None if self._board is None else self._place.of(self._board)
        if here is None:
            self.notify_plain("There is no answer under the cursor.", "Copy")
            return
        self.app.copy_to_clipboard(here[1].text)

    def action_back(self) -> None:
        self.wgen.action_go("samples")


def _primary_of(definition: Definition | None) -> Measure | None:
    """The measure that the definition plans."""
    plan = None if definition is None else definition.analysis
    if plan is None:
        return None
    _, measure = plan.headline
    if measure.judge is None or measure.label is None:
        return None
    return Measure(measure.judge, measure.label)


def _asked(messages: list[dict[str, str]]) -> str:
    return next((turn["content"] for turn in reversed(messages) if turn["role"] == "user"), "")
