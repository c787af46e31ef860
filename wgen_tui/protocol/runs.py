"""What a run has on disk as records: its spec, manifests of checkpoints, metrics and grades."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from experiments.schema import Role, TrainingConfig
from wgen_tui.protocol.alike import once
from wgen_tui.protocol.arms import BetweenSpec, DerivedSpec, Parent, RegulariseSpec, UpsampleSpec
from wgen_tui.protocol.model_refs import Endpoint as Endpoint
from wgen_tui.protocol.model_refs import ModelRef as ModelRef
from wgen_tui.protocol.record import SCHEMA, Record


class SeedSet(Record):
    """The seeds of one run; all equal to `seed` unless the definition sets them apart."""

    seed: int
    data_order: int
    lora_init: int
    sampling: int


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
