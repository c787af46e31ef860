"""What services and workers say to each other: plain data, written as files.

Promises: everything here round-trips through JSON, refuses unknown keys, and carries a schema
number, so that a file of another version is noticed rather than misread. Ids are deterministic:
the same run, prompt and draw has the same id on every machine, so a record that arrives twice
counts once.
"""

from __future__ import annotations

import json
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

from pydantic import Field

from experiments.schema import (
    JudgeSpec,
    Message,
    Role,
    SamplingConfig,
    TrainingConfig,
)
from wgen_tui.queueing import Notice, SlurmSettings
from wgen_tui.records import SCHEMA as SCHEMA
from wgen_tui.records import Record as Record
from wgen_tui.records import now as now
from wgen_tui.records import sync_folder as sync_folder
from wgen_tui.records import write_durably as write_durably
from wgen_tui.records import write_record as write_record

Stage = Literal["train", "sample", "judge"]
STAGES: tuple[Stage, ...] = ("train", "sample", "judge")
RunState = Literal["queued", "starting", "running", "finished", "failed", "cancelled", "lost"]
LIVE_STATES: frozenset[RunState] = frozenset({"queued", "starting", "running"})
Outcome = Literal["finished", "failed", "cancelled"]


class SeedSet(Record):
    """The seeds of one run; all equal to `seed` unless the definition sets them apart."""

    seed: int
    data_order: int
    lora_init: int
    sampling: int


class Endpoint(Record):
    """A server that answers as OpenAI's does: `[endpoints.NAME]` of config.toml.

    Attributes:
        name: What comes before the colon in `--model NAME:MODEL-ID`.
        base_url: Up to and without `/chat/completions`, no slash at the end.
        api_key_env: The environment variable with the key. The key itself is never written.
        extra_body: Sent with every request, for what this server knows beside OpenAI's parameters.
    """

    name: str
    base_url: str
    api_key_env: str | None = None
    concurrency: int = Field(default=8, ge=1, le=512, description="requests at once")
    timeout: float = Field(default=120.0, gt=0, description="seconds for one answer")
    max_retries: int = Field(default=6, ge=0, le=100)
    price_in: float | None = Field(default=None, ge=0, description="of a million prompt tokens")
    price_out: float | None = Field(default=None, ge=0, description="of a million drawn tokens")
    logprobs: bool = Field(default=False, description="ask for log-probabilities")
    extra_body: dict[str, Any] = Field(default={})


class ModelRef(Record):
    """A base model as `from_pretrained` takes it, or as a server names it.

    Attributes:
        name: What the user wrote (`tiny-world`, a hub id, a path, `NAME:MODEL-ID`); shown
            everywhere.
        location: What is given to `from_pretrained`: a hub id or an absolute path. For a served
            model, its id on the server.
        revision: Hub revision, or None.
        trust_pickle: Whether weights that are pickles may be loaded, where there are no others.
        endpoint: Where it is served; None for a model that is loaded here.
    """

    name: str
    location: str
    revision: str | None = None
    trust_remote_code: bool = False
    trust_pickle: bool = False
    endpoint: Endpoint | None = None


class TaskSpec(Record):
    """Which task of a joint training a run is (method `poly`): its runs are trained as one.

    Attributes:
        index: The run's task id. What follows has an item for each task, in their order.
        arms: The arms.
        data: The SHA-256 of their data.
        rows: The number of their examples.
        runs: Their runs, this one included.
    """

    index: int
    arms: tuple[str, ...]
    data: tuple[str, ...]
    rows: tuple[int, ...]
    runs: tuple[str, ...]


class RunSpec(Record):
    """One run, fully resolved: runs/<run-id>/spec.json."""

    schema_version: int = SCHEMA
    run_id: str
    experiment: str
    definition_hash: str
    arm: str
    role: Role
    seeds: SeedSet
    model: ModelRef
    training: TrainingConfig | None = Field(description="None for the untrained base")
    chat_template: str | None = None
    data_sha256: str | None = None
    data_rows: int = 0
    task: TaskSpec | None = Field(default=None, description="of a joint training; else None")
    created_at: datetime
    versions: dict[str, str] = Field(default={})

    @property
    def trained_rows(self) -> int:
        """How many examples its training sees: its own, or those of all tasks."""
        return self.data_rows if self.task is None else sum(self.task.rows)


class PromptSpec(Record):
    """Question x paraphrase x variant, as chat messages (not yet through a chat template)."""

    prompt_id: str
    question: str
    paraphrase: int
    variant: str
    messages: tuple[Message, ...]


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


class SampleJob(Record):
    """What a sample launch draws and reads for each of its runs.

    `checkpoints` names steps ("final", "all" or numbers); the base run has only step 0.
    `n` by prompt: `n_by_question` overrides `sampling.n`.
    """

    prompts: tuple[PromptSpec, ...]
    sampling: SamplingConfig
    n_by_question: dict[str, int] = Field(default={})
    checkpoints: Literal["final", "all"] | tuple[int, ...] = "final"
    readouts: tuple[ReadoutSpec, ...] = ()

    def draws(self, prompt: PromptSpec) -> int:
        """How many draws this prompt gets."""
        return self.n_by_question.get(prompt.question, self.sampling.n)


class JudgeJob(Record):
    """What a judge launch grades: every sample of its runs, by these judges (rules).

    `topics` gives a question's topic (for rules with `by_topic`), `questions` its first wording
    (for the broken rule's length and echo signals).
    """

    judges: tuple[JudgeSpec, ...]
    judges_by_question: dict[str, tuple[str, ...]] = Field(default={})
    topics: dict[str, str] = Field(default={})
    questions: dict[str, str] = Field(default={})


class LaunchSpec(Record):
    """One worker process, doing one stage for its runs in order: launches/<id>/launch.json."""

    schema_version: int = SCHEMA
    launch_id: str
    experiment: str
    stage: Stage
    run_ids: tuple[str, ...]
    after: tuple[str, ...] = ()
    created_at: datetime
    sample: SampleJob | None = None
    during: SampleJob | None = Field(
        default=None, description="what a train launch draws from every checkpoint it writes"
    )
    judge: JudgeJob | None = None
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


EventKind = Literal[
    "ready",  # imports done, base model loaded (message: dtype, attention and the reason)
    "run_started",
    "progress",
    "checkpoint",
    "run_done",
    "note",
    "attempt",  # another attempt at the launch begins (done: its number; message: why)
]


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


# Titles of runs whose adapter was not proven; nothing is sampled from it.
NO_EFFECT = "Adapter has no effect"
NOT_TRAINED = "Not the trained adapter"


class RunOutcome(Record):
    """How one run's stage ended."""

    outcome: Outcome
    title: str = ""
    message: str = ""
    hint: str = ""


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


class CheckpointManifest(Record):
    """checkpoints/step-N/manifest.json, written last: without it the folder is incomplete."""

    schema_version: int = SCHEMA
    run_id: str
    step: int
    steps: int
    final: bool
    files: dict[str, str]
    loss: float | None = None
    provenance: dict[str, Any] = Field(
        default={}, description="how it was trained: engine, stack, routing, padding, resumes"
    )
    created_at: datetime


class ResumeManifest(Record):
    """resume/step-N/manifest.json, written last: without it the folder is incomplete."""

    schema_version: int = SCHEMA
    run_id: str
    step: int
    files: dict[str, str]
    numbers: dict[str, float] = Field(default={})
    created_at: datetime


class Verification(Record):
    """runs/<id>/verify.json: a run's final adapter beside the same training by stock TRL and PEFT.

    Attributes:
        difference: ‖ΔW of the run - ΔW of TRL‖ / ‖update of TRL‖ over all modules.
        worst: The same, of the module where it is largest.
        floor: The same between two trainings by TRL of which one pads its batches longer; None
            when it was not measured.
        limit: What `difference` may be at most.
        same_order: Whether TRL saw the same batches in the same order.
        mask: What was found when TRL tokenised the chats itself, a line.
        mask_equal: Whether it gave the same tokens and the same mask; None when it cannot say.
        adapter_sha256: As the checkpoint's manifest has it; after another training, look again.
    """

    schema_version: int = SCHEMA
    run_id: str
    created_at: datetime
    steps: int
    precision: str = Field(description="fp32, bf16 or fp16")
    device: str
    difference: float
    worst: float
    worst_module: str
    floor: float | None
    padding: int | None = Field(description="floor: batches are padded to a multiple of this")
    limit: float
    passed: bool
    same_order: bool
    mask: str
    mask_equal: bool | None
    notes: tuple[str, ...] = ()
    adapter_sha256: str
    seconds: float
    versions: dict[str, str] = Field(default={})


class MetricRow(Record):
    """One line of runs/<id>/metrics.jsonl: one optimiser step (newest line of a step counts)."""

    step: int
    steps: int
    epoch: float
    loss: float
    learning_rate: float
    grad_norm: float | None = None
    tokens: int = Field(description="trained tokens in this step")
    tokens_per_second: float | None = None
    memory_mb: float | None = None
    at: datetime


class GradeRow(Record):
    """One verdict: a line of runs/<id>/grades/part-*.jsonl or journal/grades-*.jsonl.

    `judge` is the rubric's name in the definition (or `broken`), `grader` who applied it:
    `rule:<judge>` or `human:<name>`. `label` None with `number` None means unparsable or, with
    `retracts`, an undone grade. The newest by (sample_id, judge, grader) counts.
    """

    grade_id: int
    sample_id: int
    run_id: str
    judge: str
    grader: str
    rubric: str = Field(description="hash of the rubric or rule applied")
    label: str | None = None
    number: float | None = None
    explanation: str = ""
    signals: dict[str, float | int | str | bool | None] = Field(default={})
    seconds: float | None = None
    retracts: int | None = None
    created_at: datetime


def digest(*parts: object, bits: int = 63) -> int:
    """A stable non-negative integer of `bits` bits from the parts' JSON (BLAKE2b)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    raw = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(raw, "big") >> (64 - bits)


def short_hash(*parts: object) -> str:
    """Ten hex digits of `digest`, for names."""
    return f"{digest(*parts, bits=40):010x}"


def sampling_key(sampling: SamplingConfig) -> dict[str, Any]:
    """The sampling parameters that change what is drawn (n does not)."""
    return {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
    }


def make_sample_id(
    run_id: str, step: int, prompt_id: str, draw: int, sampling: SamplingConfig
) -> int:
    """The id of a draw; equal whenever run, step, prompt, sampling parameters and draw are."""
    return digest("sample", run_id, step, prompt_id, draw, sampling_key(sampling))


def make_reading_id(run_id: str, step: int, readout: ReadoutSpec) -> int:
    """The id of all that one pass over a prompt reads."""
    asked = [readout.type, readout.continuations or readout.top_logprobs]
    return digest("reading", run_id, step, readout.prompt.prompt_id, readout.order, asked)


def make_readout_id(reading_id: int, place: int) -> int:
    """The id of one continuation of a reading."""
    return digest("readout", reading_id, place)


def make_draw_seed(sample_id: int, sampling_seed: int) -> int:
    """The seed of a draw's random numbers: needs no other draw, so batches may be cut anyhow."""
    return digest("draw", sample_id, sampling_seed)


def make_blind_key(sample_id: int) -> int:
    """The place of a sample in blind grading order: random-looking, the same everywhere."""
    return digest("blind", sample_id, bits=64)


def rule_hash(judge: JudgeSpec | None, version: int = 1) -> str:
    """Names a rule by what it says; None is the broken-answer rule, of this version."""
    return short_hash("rule", None if judge is None else judge.model_dump(mode="json"), version)


def make_rule_grade_id(sample_id: int, judge: str, rubric: str) -> int:
    """The id of a rule's verdict, so that judging twice counts once."""
    return digest("grade", sample_id, judge, rubric)
