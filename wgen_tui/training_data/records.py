"""What the preview's service and its worker say to each other: one request, one report.

Promises: plain data that round-trips through JSON. The worker answers in lines: any number of
`Progress`, then one `Answer`.
"""

from __future__ import annotations

from experiments.schema import Message, TrainingConfig
from wgen_tui.protocol.record import Record
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.training_data.problems import Fate, Problem


class Row(Record):
    """One example, in its arm's context."""

    line: int
    messages: tuple[Message, ...]


class ArmRows(Record):
    """All examples of an arm, and what their texts already told."""

    arm: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()


class PromptText(Record):
    """A prompt of the evaluation; `text` is what the template makes of it."""

    question: str
    paraphrase: int
    variant: str
    messages: tuple[Message, ...]
    text: str = ""


class PreviewRequest(Record):
    """What the worker is to look at.

    Attributes:
        show: How many examples of each arm come back token by token; the first of those whose
            tokens have a problem come too.
        stops: The tokens at which sampling stops beside the tokenizer's own; None: not known.
    """

    experiment: str
    model: ModelRef
    chat_template: str | None
    training: TrainingConfig
    arms: tuple[ArmRows, ...]
    prompts: tuple[PromptText, ...]
    show: int
    stops: tuple[int, ...] | None = None


class Token(Record):
    """One token as a person reads it."""

    id: int
    text: str
    trained: bool


class ShownExample(Record):
    """One example, token by token, as it is trained."""

    line: int
    length: int
    fate: Fate
    tokens: tuple[Token, ...]
    problem: str = ""


class Totals(Record):
    """An arm in numbers; lengths are those before the policy for long examples.

    Attributes:
        examples: Lines of the dataset.
        used: Those that are trained on.
        tokens: Of those, as trained.
        trained: How many of them count in the loss.
        cut: Examples cut at max_length.
        left_out: Examples left out for their length.
        repeated: Examples that repeat another.
    """

    examples: int
    used: int
    tokens: int
    trained: int
    shortest: int
    median: float
    longest: int
    cut: int
    left_out: int
    repeated: int


class ArmReport(Record):
    """One arm: numbers, problems, examples."""

    arm: str
    totals: Totals
    problems: tuple[Problem, ...]
    examples: tuple[ShownExample, ...]


class PreviewReport(Record):
    """What the worker found; `problems` are those of the prompts."""

    experiment: str
    model: str
    own_template: bool
    max_length: int
    arms: tuple[ArmReport, ...]
    prompts: tuple[PromptText, ...]
    problems: tuple[Problem, ...]

    @property
    def blocked(self) -> bool:
        """Whether `run start` would refuse."""
        every = [*self.problems, *(p for arm in self.arms for p in arm.problems)]
        return any(problem.blocking for problem in every)


class Failure(Record):
    """Why there is no report."""

    title: str
    message: str
    hint: str = ""


class Progress(Record):
    """How many examples of how many are encoded."""

    done: int
    total: int


class Answer(Record):
    """A line of the worker's: one of the three."""

    progress: Progress | None = None
    report: PreviewReport | None = None
    failure: Failure | None = None
