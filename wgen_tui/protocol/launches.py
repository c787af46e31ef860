"""A launch: what its worker is told, what it says as it works, how it ended.

Promises: everything here round-trips through JSON, refuses unknown keys, and carries a schema
number, so that a file of another version is noticed rather than misread.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_serializer

from experiments.schema import JudgeSpec, Message, SamplingConfig
from wgen_tui.protocol import states
from wgen_tui.protocol.held_out import HeldOutSet
from wgen_tui.protocol.judging import Panel
from wgen_tui.protocol.queue import Notice, SlurmSettings
from wgen_tui.protocol.record import SCHEMA, Record, Unreadable, read_record

Stage = states.Stage
STAGES = states.STAGES
RunState = states.RunState
WORKING_STATES = states.WORKING_STATES
LIVE_STATES = states.LIVE_STATES
ENDED_STATES = states.ENDED_STATES
Outcome = states.Outcome


def new_launch_id(created_at: datetime, step: int, stage: Stage, mark: str = "") -> str:
    """An id for a launch: the second, the stage and chance.

    Args:
        created_at: When the launch is made.
        step: Its place in a chain: sorts launches of one second in the order of their stages.
        stage: What it does.
        mark: Tells launches of one plan and stage apart, and ends in a hyphen.
    """
    # Hundreds of chains may be tried again in a second: two of 16 bits would meet.
    return f"{created_at:%Y%m%d-%H%M%S}-{step}{stage}-{mark}{secrets.token_hex(5)}"


class PromptSpec(Record):
    """Question x paraphrase x variant, as chat messages (not yet through a chat template).

    Attributes:
        alpha: What an adapter counts when it answers; None: as it was trained.
    """

    prompt_id: str
    question: str
    paraphrase: int
    variant: str
    messages: tuple[Message, ...]
    alpha: float | None = Field(default=None, exclude_if=lambda alpha: alpha is None)


class ReadoutSpec(Record):
    """A prompt whose next tokens' probabilities are read; nothing is drawn.

    Attributes:
        prompt: What the model is shown.
        type: next_token, logprob or multiple_choice.
        order: Which order of the options, from 0.
        continuations: (label, text) of what may follow; empty for next_token.
        top_logprobs: How many of the likeliest tokens are kept, for next_token.
    """

    prompt: PromptSpec
    type: str
    order: int = 0
    continuations: tuple[tuple[str, str], ...] = ()
    top_logprobs: int = 20


class DrawnOtherwise(Record):
    """What of `sampling` is another for a variant's prompts; None: as for its question."""

    temperature: float | None = Field(default=None, exclude_if=lambda value: value is None)
    top_p: float | None = Field(default=None, exclude_if=lambda value: value is None)
    max_tokens: int | None = Field(default=None, exclude_if=lambda value: value is None)
    n: int | None = Field(default=None, exclude_if=lambda value: value is None)


class SampleStage(Record):
    """What a sample launch draws and reads for each of its runs.

    `checkpoints` names steps ("final", "all" or numbers); the base run has only step 0.
    By question, `n_by_question` overrides `sampling.n`, and `sampling_by_question` all but it;
    what `by_variant` says goes over both. On `held_out` every checkpoint that a run keeps is
    measured, also one that nothing is drawn from.
    """

    prompts: tuple[PromptSpec, ...]
    sampling: SamplingConfig
    n_by_question: dict[str, int] = Field(default={})
    sampling_by_question: dict[str, SamplingConfig] = Field(
        default={},
        exclude_if=lambda others: not others,  # what old launches say stays as it was
    )
    by_variant: dict[str, DrawnOtherwise] = Field(
        default={},
        exclude_if=lambda others: not others,  # what old launches say stays as it was
    )
    checkpoints: Literal["final", "all"] | tuple[int, ...] = "final"
    readouts: tuple[ReadoutSpec, ...] = ()
    held_out: tuple[HeldOutSet, ...] = Field(
        default=(),
        exclude_if=lambda sets: not sets,  # what old launches say stays as it was
    )

    def draws(self, prompt: PromptSpec) -> int:
        """How many draws this prompt gets."""
        own = self.by_variant.get(prompt.variant)
        if own is not None and own.n is not None:
            return own.n
        return self.n_by_question.get(prompt.question, self.sampling.n)

    def sampling_of(self, prompt: PromptSpec) -> SamplingConfig:
        """How the answers to a prompt are drawn; the stage's own object where as all are."""
        usual = self.sampling_by_question.get(prompt.question, self.sampling)
        own = self.by_variant.get(prompt.variant)
        said = {} if own is None else own.model_dump(exclude={"n"}, exclude_none=True)
        return usual.model_copy(update=said) if said else usual

    @property
    def own_sampling(self) -> dict[str, SamplingConfig | None]:
        """By prompt id how its answers are drawn; None where as all are. Equal ones are one."""
        ways: dict[str, SamplingConfig] = {}
        own: dict[str, SamplingConfig | None] = {}
        for prompt in self.prompts:
            way = self.sampling_of(prompt)
            same = ways.setdefault(way.model_dump_json(), way)
            own[prompt.prompt_id] = None if way is self.sampling else same
        return own

    @property
    def longest_answer(self) -> int:
        """The most tokens that an answer of the stage may get."""
        tokens = [self.sampling_of(prompt).max_tokens for prompt in self.prompts]
        return max(tokens, default=self.sampling.max_tokens)


class JudgeStage(Record):
    """What a judge launch grades: every sample of its runs, by these judges (rules), or a panel.

    `topics` gives a question's topic (for rules with `by_topic`), `questions` its first wording
    (for the broken rule's length and echo signals), `correct` the rule that compares with the
    expected answer, by question and variant.
    """

    judges: tuple[JudgeSpec, ...]
    judges_by_question: dict[str, tuple[str, ...]] = Field(default={})
    topics: dict[str, str] = Field(default={})
    questions: dict[str, str] = Field(default={})
    correct: dict[str, dict[str, JudgeSpec]] = Field(
        default={},
        exclude_if=lambda rules: not rules,  # what old launches say stays as it was
    )
    panel: Panel | None = Field(
        default=None,
        description="judges that are models; a launch has these or rules",
        exclude_if=lambda panel: panel is None,
    )


class LaunchSpec(Record):
    """One worker process, doing one stage for its runs in order: launches/<id>/launch.json."""

    schema_version: int = SCHEMA
    launch_id: str
    experiment: str
    stage: Stage
    run_ids: tuple[str, ...]
    after: tuple[str, ...] = ()
    created_at: datetime
    sample: SampleStage | None = None
    during: SampleStage | None = Field(
        default=None, description="what a train launch draws from every checkpoint it writes"
    )
    judge: JudgeStage | None = None
    served: bool = Field(default=False, description="sampled from a server; loads no model")
    accelerate: dict[str, Any] = Field(default={})
    stack: int | None = Field(
        default=None, description="most adapters trained together; None: as many as fit"
    )
    rows: int | None = Field(
        default=None, description="most draws made together; None: as many as fit"
    )
    slurm: SlurmSettings | None = Field(default=None, description="given to Slurm; None: this box")
    notify: Notice | None = Field(default=None, description="of the plan, on its last launch")

    @property
    def processes(self) -> int:
        """How many processes, each with its GPU, do the work.

        What is no number counts as one: the worker complains of it.
        """
        number = self.accelerate.get("num_processes", 1)
        return number if isinstance(number, int) and number > 0 else 1


class StartRecord(Record):
    """launches/<id>/started.json: the process of the present attempt, and what it was given.

    Attributes:
        pid: The leader of the worker's session; None until it has been born.
        ticks: When that process began, in clock ticks since boot.
        gpus: The UUIDs of those that it may see; none where it was not given any.
        memory_mb: What it is expected to take.
    """

    # No schema number: of another version's file, what both know counts.
    model_config = ConfigDict(frozen=True, extra="ignore")

    at: datetime
    pid: int | None = None
    ticks: int | None = None
    host: str = ""
    argv: tuple[str, ...] = ()
    attempt: int = 1
    gpus: tuple[str, ...] = ()
    memory_mb: int | None = None

    @field_serializer("at")
    def _with_offset(self, at: datetime) -> str:
        return at.isoformat()  # as every version has written it: +00:00, not Z


def read_start(path: Path) -> StartRecord | None:
    """A launch's started.json; None when none was started, or the file cannot be read."""
    try:
        return read_record(path, StartRecord)
    except Unreadable:  # `doctor` names it
        return None


EventKind = Literal[
    "ready",  # imports done, base model loaded (message: dtype, attention and the reason)
    "run_started",
    "progress",
    "checkpoint",
    "run_done",
    "note",
    "attempt",  # another attempt at the launch begins (done: its number; message: why)
]


class FailedAt(Record):
    """Where a run failed: in or after a step of its training, or while it was sampled there."""

    step: int = Field(
        description="the optimiser step at work, the last one done, or the checkpoint's",
        examples=[12],
    )
    rows: tuple[int, ...] = Field(
        default=(),
        description="the lines of the run's data.jsonl in that step; none between steps",
        examples=[[3, 17, 40]],
    )


class Event(Record):
    """One line of launches/<id>/events.jsonl.

    `done`/`total` count `unit` (steps, samples, grades) within this run; `rate` is units/s.
    """

    at: datetime
    kind: EventKind
    run_id: str | None = None
    unit: str | None = None
    done: int | None = None
    total: int | None = None
    rate: float | None = None
    loss: float | None = None
    outcome: Outcome | None = None
    message: str | None = None
    failed_at: FailedAt | None = None


# Titles of runs whose adapter was not proven; nothing is sampled from it.
NO_EFFECT = "Adapter has no effect"
NOT_TRAINED = "Not the trained adapter"


class RunOutcome(Record):
    """How one run's stage ended."""

    outcome: Outcome
    title: str = ""
    message: str = ""
    hint: str = ""
    failed_at: FailedAt | None = Field(
        default=None,
        exclude_if=lambda place: place is None,  # as records were before it was kept
    )


class DoneRecord(Record):
    """launches/<id>/done.json, written last; its existence means the worker ended by itself."""

    schema_version: int = SCHEMA
    launch_id: str
    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    runs: dict[str, RunOutcome]
    title: str = ""
    message: str = ""
    hint: str = ""
    peak_memory_mb: float | None = Field(default=None, description="on its GPU, else resident")


UNREADABLE = "Unreadable file"


def read_done(path: Path) -> DoneRecord | None:
    """How a launch, or an attempt at it, ended; None while it has not.

    It is written last: where something is there that cannot be read, the launch has ended, and
    counts as failed, with what is wrong.
    """
    try:
        return read_record(path, DoneRecord)
    except Unreadable as error:
        at = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        return DoneRecord(
            launch_id=path.parent.name,
            outcome="failed",
            started_at=at,
            ended_at=at,
            runs={},
            title=UNREADABLE,
            message=f"{error}.",
            hint="`wgen-tui run retry` does what it still lacks.",
        )
