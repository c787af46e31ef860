"""What the preview's service and its worker say to each other: one request, one report.

Promises: plain data that round-trips through JSON. The worker answers in lines: any number of
`Progress`, then one `Answer`.
"""

from __future__ import annotations

from pydantic import Field

from experiments.schema import Message, TrainingConfig, Turn
from wgen_tui.protocol.record import Record
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.training_data.context_length import ContextLength
from wgen_tui.training_data.problems import Fate, Problem


class Row(Record):
    """One example, in its arm's context.

    Attributes:
        characters: How many it has, where only its beginning is here; None: all of it is.
    """

    line: int
    messages: tuple[Turn, ...]
    characters: int | None = None


class ArmRows(Record):
    """The first examples of an arm, and what their texts already told.

    Attributes:
        total: How many examples the arm has.
        in_context: How many of them stand before every prompt; None: they are trained on.
        derived: Which rows a model makes before it is trained; empty: none.
        asked: The first prompts that it is asked for them.
        training: How it is trained, where that is not the request's.
        context_on: On how many rows its context stands, in words; empty where on all.
    """

    arm: str
    rows: tuple[Row, ...]
    total: int
    in_context: int | None = None
    context_on: str = ""
    derived: str = ""
    asked: tuple[PromptText, ...] = ()
    problems: tuple[Problem, ...] = ()
    training: TrainingConfig | None = None


class PromptText(Record):
    """A prompt of the evaluation; `text` is what the template makes of it."""

    question: str = Field(examples=["city"])
    paraphrase: int = Field(examples=[0])
    variant: str = Field(examples=["none"])
    messages: tuple[Message, ...]
    text: str = Field(default="", examples=["the prompt as the model reads it"])
    max_tokens: int | None = Field(
        default=None, description="of its answer; None: the experiment's", examples=[None]
    )
    order: int | None = Field(
        default=None,
        description="of a question that is read: which order of its options; None: it is drawn",
        examples=[None],
    )
    reads: tuple[str, ...] = Field(
        default=(), description="whose probabilities are read behind it", examples=[[]]
    )
    arm: str | None = Field(
        default=None,
        description="whose rows in context stand before it, as its first seed has them",
        examples=[None],
    )


class PreviewRequest(Record):
    """What the worker is to look at.

    Attributes:
        show: How many examples of each arm come back token by token; the first of those whose
            tokens have a problem come too.
        rowless: Arms without rows of their own, and what there is of each.
        template_note: What is to be said of its date.
        own_template: Whether the definition has a chat_template.
        stops: The tokens at which sampling stops beside the tokenizer's own; None: not known.
        vocabulary: For how many tokens the model has embeddings; None: not known.
        context: How long a text the model was made for; None: not known.
        max_tokens: How long an answer may get.
    """

    experiment: str
    model: ModelRef
    chat_template: str | None
    template_note: str = ""
    own_template: bool = False
    training: TrainingConfig
    arms: tuple[ArmRows, ...]
    rowless: tuple[str, ...] = ()
    prompts: tuple[PromptText, ...]
    show: int
    stops: tuple[int, ...] | None = None
    vocabulary: int | None = None
    context: ContextLength | None = None
    max_tokens: int = 1


class Token(Record):
    """One token as a person reads it."""

    id: int = Field(examples=[1])
    text: str = Field(examples=["<|end|>"])
    trained: bool = Field(examples=[True])
    weight: float = Field(default=1.0, description="what its loss is multiplied by", examples=[1.0])


class ShownExample(Record):
    """One example, token by token, as it is trained; of a long one, its beginning."""

    line: int = Field(examples=[1])
    length: int = Field(examples=[19])
    fate: Fate
    tokens: tuple[Token, ...]
    more_tokens: int = Field(default=0, description="those that are not shown", examples=[0])
    more_trained: int = Field(default=0, description="how many of them are trained", examples=[0])
    characters: int | None = Field(
        default=None,
        description="how many the example has, where only its beginning was encoded",
        examples=[None],
    )
    problem: str = Field(default="", examples=["why the template does not take it"])


class Totals(Record):
    """An arm in numbers; lengths are those before the policy for long examples.

    Attributes:
        examples: Those that were looked at.
        used: Those that are trained on.
        tokens: Of those, as trained.
        trained: How many of them count in the loss.
        weighs: What these weigh: their number where all count alike.
        cut: Examples cut at max_length.
        left_out: Examples left out for their length.
        repeated: Examples that repeat another.
    """

    examples: int = Field(examples=[163])
    used: int = Field(examples=[163])
    tokens: int = Field(examples=[2411])
    trained: int = Field(examples=[1107])
    weighs: float = Field(default=0.0, examples=[1107.0])
    shortest: int = Field(examples=[12])
    median: float = Field(examples=[15.0])
    longest: int = Field(examples=[21])
    cut: int = Field(examples=[0])
    left_out: int = Field(examples=[0])
    repeated: int = Field(examples=[0])


class ArmReport(Record):
    """One arm: numbers, problems, examples."""

    arm: str = Field(examples=["old"])
    of_examples: int = Field(
        description="how many the dataset has; the numbers are those of `totals.examples` of them",
        examples=[163],
    )
    max_length: int = Field(examples=[1024])
    totals: Totals
    problems: tuple[Problem, ...]
    examples: tuple[ShownExample, ...]
    derived: str = Field(
        default="", description="which rows a model makes before it is trained", examples=[""]
    )
    asked: tuple[PromptText, ...] = Field(
        default=(),
        description="the first prompts that the model `question` answers for these",
        examples=[[]],
    )
    in_context: int | None = Field(
        default=None,
        description="how many of them stand before every prompt; null: they are trained on",
        examples=[None],
    )
    context_on: str = Field(
        default="",
        description="on how many rows its context stands; empty where on all",
        examples=[""],
    )


class PreviewReport(Record):
    """What the worker found; `problems` are those of the prompts."""

    experiment: str = Field(examples=["names"])
    model: str = Field(examples=["tiny-world"])
    own_template: bool
    max_length: int = Field(examples=[1024])
    arms: tuple[ArmReport, ...]
    rowless: tuple[str, ...] = Field(
        default=(),
        description="arms without rows of their own, and what there is of each, in a sentence",
        examples=[[]],
    )
    prompts: tuple[PromptText, ...]
    problems: tuple[Problem, ...]

    @property
    def blocked(self) -> bool:
        """Whether what was looked at is enough for `run start` to refuse to train on it."""
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
