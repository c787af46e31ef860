"""What a run has on disk as records: its spec, manifests of checkpoints, metrics and grades."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from experiments.schema import Role, TrainingConfig
from wgen_tui.protocol.alike import once
from wgen_tui.protocol.arms import BetweenSpec, DerivedSpec, Parent, RegulariseSpec, UpsampleSpec
from wgen_tui.protocol.record import SCHEMA, Record

FULL_COMMIT = "[0-9a-f]{40}"  # which the hub never gives another meaning


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
        thinking_on: Sent beside it for a judge that thinks first; None: nobody has said what.
        thinking_off: Likewise for a judge that doesn't.
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
    thinking_on: dict[str, Any] | None = Field(default=None, exclude_if=lambda body: body is None)
    thinking_off: dict[str, Any] | None = Field(default=None, exclude_if=lambda body: body is None)
    parameters: dict[str, str | Literal[False]] = Field(
        default={},
        description="what the server calls a parameter; false: it is not sent",
        exclude_if=lambda names: not names,
    )

    def switched(self, *, thinking: bool) -> dict[str, Any] | None:
        """What is sent to switch thinking on or off; None where nobody has said what."""
        return self.thinking_on if thinking else self.thinking_off

    def of_judges(self, *, thinking: bool) -> Endpoint:
        """The endpoint as a judge asks it: its switch goes into what is sent with every request."""
        switch = self.switched(thinking=thinking) or {}
        body = dict(self.extra_body)
        for key, value in switch.items():
            both = isinstance(value, dict) and isinstance(body.get(key), dict)
            body[key] = {**body[key], **value} if both else value
        return self.model_copy(update={"extra_body": body})


class ModelRef(Record):
    """A base model as `from_pretrained` takes it, or as a server names it.

    Attributes:
        name: What the user wrote (`tiny-world`, a hub id, a path, `NAME:MODEL-ID`); shown
            everywhere.
        location: What is given to `from_pretrained`: a hub id or an absolute path. For a served
            model, its id on the server.
        in_home: The folder's path from the home's, where it is in it: it moves with the home.
        revision: Hub revision as the user wrote it, or None.
        commit: The hub's commit that the revision stood for when the run was planned. None for a
            folder or a served model, and in runs that were planned before commits were kept.
        trust_pickle: Whether weights that are pickles may be loaded, where there are no others.
        endpoint: Where it is served; None for a model that is loaded here.
    """

    name: str
    location: str
    in_home: str | None = Field(default=None, exclude_if=lambda path: path is None)
    revision: str | None = None
    commit: str | None = Field(default=None, exclude_if=lambda commit: commit is None)
    trust_remote_code: bool = False
    trust_pickle: bool = False
    endpoint: Endpoint | None = None

    @property
    def from_hub(self) -> bool:
        """Whether it is a hub id: neither a folder nor a served model."""
        return self.endpoint is None and not Path(self.location).is_absolute()

    @property
    def exact_revision(self) -> str | None:
        """What is loaded: the commit, or the revision where that is not known."""
        return self.commit or self.revision

    @property
    def unpinned(self) -> bool:
        """Whether the hub decides anew which weights it has, each time it is loaded."""
        return self.from_hub and not re.fullmatch(FULL_COMMIT, self.exact_revision or "")


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


class AdapterRef(Record):
    """An adapter that was trained elsewhere.

    Attributes:
        name: As the definition says it.
        location: Its folder (absolute), or its repository on the hub.
        in_home: The folder's path from the home's, where it is in it.
        revision: Of the hub, as it was written.
        commit: What that stood for when the run was planned.
        sha256: Of a folder's files.
        trained_on: The base model that its configuration names.
    """

    name: str
    location: str
    in_home: str | None = None
    revision: str | None = None
    commit: str | None = None
    sha256: str | None = None
    trained_on: str | None = None

    @property
    def from_hub(self) -> bool:
        """Whether it is a repository and no folder."""
        return self.sha256 is None

    @property
    def key(self) -> list[str | None]:
        """What of it is in the id of a run."""
        return (
            ["adapter", self.sha256] if not self.from_hub else ["hub", self.location, self.commit]
        )

    def __str__(self) -> str:
        """For people: `org/name, commit 0123456789ab`."""
        exact = (
            f"commit {self.commit[:12]}" if self.commit else f"sha256 {(self.sha256 or '')[:12]}"
        )
        return f"{self.name} ({exact})"


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
    template_date: str | None = Field(
        default=None,
        description="the day that chat_template was told; None: it asks for none",
        exclude_if=lambda day: day is None,
    )
    mask_version: int = Field(
        default=1,
        description="what its loss mask means; 1: planned before versions were kept",
        exclude_if=lambda number: number == 1,
    )
    data_sha256: str | None = None
    data_rows: int = 0
    in_context: int | None = Field(
        default=None,
        description="how many rows, those of its data.jsonl, stand before every prompt; it has no "
        "training then",
        exclude_if=lambda rows: rows is None,
    )
    hold: Literal["steps", "epochs"] | None = Field(
        default=None,
        description="what stayed as with all rows, where fewer are taken",
        exclude_if=lambda held: held is None,
    )
    derived: DerivedSpec | None = Field(
        default=None,
        description="how rows of its data.jsonl are made before it is trained",
        exclude_if=lambda told: told is None,
    )
    upsample: UpsampleSpec | None = Field(
        default=None,
        description="which rows of its data.jsonl stand twice, which is told before it is trained",
        exclude_if=lambda told: told is None,
    )
    sorts_rows: bool = Field(
        default=False,
        description="a first training, by which rows of others are told apart; it is not sampled",
        exclude_if=lambda first: not first,
    )
    regularise: RegulariseSpec | None = Field(
        default=None,
        description="what holds its training near its base",
        exclude_if=lambda told: told is None,
    )
    adapter: AdapterRef | None = Field(
        default=None,
        description="trained elsewhere: `training` then says its shape and the base alone",
        exclude_if=lambda adapter: adapter is None,
    )
    parent: Parent | None = Field(
        default=None,
        description="what its training goes on from; None: a new adapter",
        exclude_if=lambda parent: parent is None,
    )
    between: BetweenSpec | None = Field(
        default=None,
        description="whose adapters its own lies between: `training` then says its shape alone",
        exclude_if=lambda two: two is None,
    )
    task: TaskSpec | None = Field(default=None, description="of a joint training; else None")
    created_at: datetime
    versions: dict[str, str] = Field(default={})

    _once = field_validator("seeds", "model", "training", "chat_template", "versions", mode="wrap")(
        once
    )

    @property
    def needs(self) -> tuple[str, ...]:
        """The runs that are trained before it: what it goes on from, and who makes its rows."""
        teacher = self.derived.teacher_run if self.derived is not None else None
        of = dict.fromkeys(parent.run_id for parent in self.parents)
        return tuple(of if teacher is None else {**of, teacher: None})

    @property
    def parents(self) -> tuple[Parent, ...]:
        """The checkpoints that its adapter or its rows come from."""
        named = [self.parent, None if self.upsample is None else self.upsample.first]
        if self.between is not None:
            named += [self.between.first, self.between.second]
        return tuple(parent for parent in named if parent is not None)

    @property
    def trained_here(self) -> bool:
        """Whether its adapter is trained: it is neither made of others nor somebody else's."""
        return self.training is not None and self.adapter is None and self.between is None

    @property
    def trained_rows(self) -> int:
        """How many examples its training sees: its own, or those of all tasks."""
        return self.data_rows if self.task is None else sum(self.task.rows)


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
    stack: tuple[tuple[str, int], ...] = Field(
        default=(),
        description="the runs of its stack in order, each with its step; empty if trained alone",
        exclude_if=lambda stack: not stack,
    )
    created_at: datetime


class Verification(Record):
    """runs/<id>/verify.json: a run's final adapter beside the same training by stock TRL and PEFT.

    Attributes:
        difference: ‖ΔW of the run - ΔW of TRL‖ / ‖update of TRL‖ over all modules.
        worst: The same, of the module where it is largest.
        floor: The same between two trainings by TRL of which one pads its batches longer (where
            that rounds nothing otherwise, one by eager attention, as `notes` then says); None when
            it was not measured.
        limit: What `difference` may be at most.
        same_order: Whether TRL saw the same batches in the same order.
        mask: How TRL's own tokens and masks of the chats compare, in a line.
        mask_equal: Whether it gave the same tokens and the same mask; None when it cannot say.
        adapter_sha256: As the checkpoint's manifest has it; after another training, look again.
    """

    schema_version: int = SCHEMA
    run_id: str = Field(examples=["names-old-s0-3733491a4a"])
    created_at: datetime
    steps: int = Field(examples=[120])
    precision: str = Field(description="fp32, bf16 or fp16", examples=["fp32 | bf16 | fp16"])
    device: str = Field(examples=["cpu"])
    difference: float = Field(examples=[2.1e-05])
    worst: float = Field(examples=[3.4e-05])
    worst_module: str = Field(examples=["base_model.model.model.layers.1.self_attn.q_proj"])
    floor: float | None = Field(examples=[1.3e-05])
    padding: int | None = Field(
        description="floor: batches are padded to a multiple of this", examples=[24]
    )
    limit: float = Field(examples=[0.00013])
    passed: bool = Field(examples=[True])
    same_order: bool = Field(examples=[True])
    mask: str = Field(examples=["what TRL makes of the chats itself"])
    mask_equal: bool | None = Field(examples=[True])
    notes: tuple[str, ...] = ()
    adapter_sha256: str = Field(examples=["hash"])
    seconds: float = Field(examples=[14.2])
    versions: dict[str, str] = Field(default={}, examples=[{"<package>": "1.16.0"}])


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
    `retracts`, an undone grade. The newest by (sample_id, judge, grader) counts; one with
    `repeat_of` was given on a sample shown a second time, and never does.
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
    repeat_of: int | None = Field(default=None, exclude_if=lambda value: value is None)
