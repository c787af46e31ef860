"""What a plan will write, compared with the free disk space, before anything is started.

Promises: reads files only; an estimate is an upper bound, and says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from wgen_tui.paths import Home
from wgen_tui.protocol.judging import Panel
from wgen_tui.protocol.launches import JudgeStage, SampleStage
from wgen_tui.services.estimate import workload
from wgen_tui.services.estimate.judging import verdict_bytes
from wgen_tui.services.machine.host import disk
from wgen_tui.services.models.architecture import model_dims
from wgen_tui.services.planning.todo import PlannedRun
from wgen_tui.services.settings import DiskPolicy

MB = 2**20


def planned_mb(
    home: Home,
    runs: Sequence[PlannedRun],
    sample: SampleStage,
    judge: JudgeStage,
    during: SampleStage | None,
    panels: Sequence[Panel] = (),
) -> int:
    """The most that these runs will still write, in MB (2**20 bytes), rounded up."""
    draws = max(1, workload.draws(sample))
    total = 0.0
    for run in runs:
        if "train" in run.todo:
            total += workload.train_disk_bytes(model_dims(run.spec.model), run.spec, during)
        if "sample" in run.todo:
            total += workload.sample_disk_bytes(sample) * run.samples_missing / draws
            rows = max(1, workload.held_out_rows(sample, run.spec))
            total += workload.held_out_disk_bytes(sample, run.spec) * run.rows_missing / rows
        if "judge" in run.todo:
            verdicts = run.samples_total * (len(judge.judges) + 1)
            total += workload.COPIES * verdicts * workload.GRADE_BYTES
        for place, verdicts in run.panels.items():
            total += verdict_bytes(panels[place], verdicts, sample.longest_answer)
    return -(-int(total) // MB)


def disk_warnings(home: Home, needed_mb: int, policy: DiskPolicy) -> list[str]:
    """A warning when the free space may not be enough; else nothing."""
    free, _ = disk(home.root)
    if free >= needed_mb + policy.floor_mb:
        return []
    return [
        f"up to {needed_mb:,} MB will be written to {home.root}, and {free:,} MB are free, of "
        f"which {policy.floor_mb:,} are kept ([disk] floor_mb): workers pause when only these are "
        "left, and resume when there is space again"
    ]
