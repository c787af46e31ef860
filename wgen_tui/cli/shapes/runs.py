"""Runs as JSON: `run list`, `run show`, `run verify`, `run start`, and the plan of a dry run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from wgen_tui.cli.shapes.base import Output, Shape
from wgen_tui.protocol.launches import FailedAt, RunState, Stage
from wgen_tui.protocol.runs import Verification
from wgen_tui.services.runs.run_state import RunStatus

RUN_ID = "names-old-s0-3733491a4a"
LAUNCH_ID = "20260131-120000-0train-90ab12cd34"


class RunList(Output):
    """`run list`."""

    runs: list[RunStatus]


class RunDetail(RunStatus, Output):
    """`run show`: the run as a list has it, and what it has written."""

    folder: Path = Field(examples=["path"])
    checkpoints: list[int] = Field(examples=[[120]])
    samples: int = Field(examples=[480])
    launches: list[str] = Field(examples=[[LAUNCH_ID]])
    failed_at: FailedAt | None = Field(default=None, examples=[{"step": 12, "rows": [3, 17, 40]}])
    spec: dict[str, Any] = Field(examples=[{"<key of spec.json>": None}])


class Verified(Verification):
    """`run verify`."""

    schema_version: int = Field(default=1, serialization_alias="schema", examples=[1])


class PlannedRun(Shape):
    """A run, and what of it is missing."""

    id: str = Field(examples=[RUN_ID])
    model: str = Field(examples=["tiny-world"])
    arm: str = Field(examples=["old"])
    seed: int = Field(examples=[0])
    examples: int = Field(examples=[163])
    todo: list[Stage] = Field(examples=[["train", "sample", "judge"]])
    samples_total: int = Field(examples=[480])
    samples_missing: int = Field(examples=[480])


class StartedRun(PlannedRun):
    """A run, what of it was missing, and how it stands now."""

    state: RunState = Field(examples=["finished"])
    why: str = Field(examples=[""])


class StartedLaunch(Shape):
    """A launch that `run start` has written."""

    id: str = Field(validation_alias="launch_id", examples=[LAUNCH_ID])
    stage: Stage = Field(examples=["train"])
    runs: list[str] = Field(validation_alias="run_ids", examples=[["id"]])


class Started(Output):
    """`run start`, `sample top-up` and `grade judge`."""

    experiment: str = Field(examples=["names"])
    dry_run: Literal[False] = False
    supervisor: int | None = Field(examples=[4711])
    launches: list[StartedLaunch]
    runs: list[StartedRun]


class Backend(Shape):
    """Where launches run; `slurm` has the keys of `[slurm]` in config.toml."""

    name: Literal["local", "slurm"]
    slurm: dict[str, Any] | None = Field(examples=[None])


class PlannedLaunch(Shape):
    """What another scheduler needs to know of a launch."""

    id: str = Field(examples=["planned-1"])
    stage: Stage
    model: str = Field(examples=["tiny-world"])
    runs: list[str] = Field(examples=[[RUN_ID]])
    after: list[str] = Field(examples=[["planned-0"]])
    loads_model: bool = Field(examples=[True])
    processes: int = Field(examples=[1])
    samples: int = Field(examples=[480])
    argv: list[str] = Field(
        examples=[["python", "-m", "…", "--home", "folder", "--launch", "planned-1"]]
    )


class PlannedJudges(Shape):
    """Judges that are models, and what they would be asked."""

    judges: list[str] = Field(examples=[["aligned", "coherent"]])
    model: str = Field(examples=["box:gpt-4.1"])
    named: str = Field(examples=["the model as the definition names it"])
    loads_model: bool = Field(examples=[False])
    verdicts: int = Field(examples=[960])
    cost: float | None = Field(
        examples=[1.2], description="at most, in the unit of the endpoint's prices"
    )
    cost_assumes: str = Field(examples=["what `cost` takes for the lengths"])
    cost_measured: float | None = Field(
        examples=[0.4], description="with prompts and replies as long as there were so far"
    )
    prompt_tokens: dict[str, float] = Field(
        examples=[{"aligned": 212.5}], description="mean of those so far, by judge"
    )
    reply_tokens: dict[str, float] = Field(examples=[{"aligned": 31.0}])
    seconds: float | None = Field(
        examples=[75.0], description="as fast as earlier launches; null: there are none"
    )
    rate: float | None = Field(examples=[12.8], description="verdicts a second")
    rate_of: str | None = Field(
        examples=["20260131-120000-3judge-00-90ab12cd34"], description="the launch that had it"
    )
    loaded: str = Field(examples=["bf16 (there is a GPU)"], description="empty for a server's")


class WaitingJudges(Shape):
    """Judges that cannot be asked yet."""

    judges: list[str] = Field(examples=[["aligned"]])
    model: str = Field(examples=["gpt-4.1"])
    why: str = Field(examples=["nothing says which model gpt-4.1 is"])


class Planned(Output):
    """`run start`, `sample top-up` and `grade judge`, with `--dry-run`."""

    experiment: str = Field(examples=["names"])
    dry_run: Literal[True] = True
    home: Path = Field(examples=["folder"])
    backend: Backend
    versions: dict[str, str] = Field(examples=[{"<package>": "2.13.0"}])
    samples_total: int = Field(examples=[2400])
    samples_missing: int = Field(examples=[480])
    disk_mb: int = Field(examples=[3])
    launches: list[PlannedLaunch]
    runs: list[PlannedRun]
    notes: list[str] = Field(
        default=[],
        description="what is particular to some of them",
        examples=[["arm old: training.for: max_steps 20"]],
    )
    judges: list[PlannedJudges]
    waiting_judges: list[WaitingJudges]
