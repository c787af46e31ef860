"""What a launch will take of memory and disk, before it starts, and how that compares afterwards.

Promises: from files alone (`needs`, `shapes`, `workload`), in milliseconds, without torch;
raises nothing: memory that cannot be told is 0, which is called unknown. Estimates are of the peak,
since a worker that gets less dies of it. Past launches of the same kind make the next ones better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec, read_done
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.verdicts import missing_verdicts
from wgen_tui.services.estimate import workload
from wgen_tui.services.estimate.judging import ANSWER_TOKENS, panel_need, verdict_bytes
from wgen_tui.services.estimate.memory import Limits, MemoryNeed, memory_needs
from wgen_tui.services.estimate.workload import LongestExample
from wgen_tui.services.machine.gpus import gb
from wgen_tui.services.models.architecture import model_dims
from wgen_tui.services.runs.process import has_gpu

MB = 2**20

# What a worker takes beside tensors. On a CPU, resident: a train worker had 420 MB with everything
# imported, and 458 MB at the end with a model of 0.4 M parameters, of which 13 MB were counted as
# its tensors (torch 2.13+cpu, transformers 5.23, peft 0.21, Linux).
LIBRARIES_MB = 445
# On a GPU: the CUDA context and the kernels that are loaded. An H200 had 527 MB in a process that
# had trained and drawn, 1,143 in one that had done everything of a GPU day (torch 2.11, CUDA 13).
CONTEXT_MB = 640
# Experience multiplies an estimate by this much at most.
SCALE_LIMITS = (0.5, 3.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one process of a launch is thought to take, in units of 2**20 bytes.

    Attributes:
        memory_mb: At its peak, of its GPU, or of the machine's memory without one; 0: not known, or
            (rules, served) not worth counting.
        least_mb: With one adapter, or one row, at a time.
        disk_mb: Written to the home, by all processes together, at most.
        on_gpu: Which memory it is.
        stack: Adapters trained together.
        rows: Draws made together.
        parts: What it is made of: weights, adapters, optimiser, activations, cache, logits,
            overhead.
        key: Launches with the same one take about the same: see `calibrated`.
        scale: What experience has multiplied it by.
    """

    memory_mb: int
    least_mb: int
    disk_mb: int
    on_gpu: bool
    stack: int = 0
    rows: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    key: str = ""
    scale: float = 1.0

    @property
    def gpu_mb(self) -> int:
        """What it takes of a GPU."""
        return self.memory_mb if self.on_gpu else 0


def estimate(
    home: Home,
    spec: LaunchSpec,
    *,
    on_gpu: bool | None = None,
    free_mb: int | None = None,
    stack: int | None = None,
    rows: int | None = None,
    from_scratch: bool = False,
    planned: Mapping[str, RunSpec] | None = None,
    longest: Mapping[str, LongestExample] | None = None,
) -> Estimate:
    """What a launch will take.

    Args:
        home: Where its runs are.
        spec: The launch.
        on_gpu: Whether its worker will find a GPU; None: ask the machine.
        free_mb: The most memory that it may find free, mostly that of the largest GPU: workers
            choose how much they do at once by it. None: they are not limited by memory.
        stack: Most adapters together (queue.json); None: as the launch says.
        rows: Most draws together; None: as the launch says.
        from_scratch: As if nothing of it were done yet.
        planned: Its runs by id, where they are only planned: none is read from the home.
        longest: The largest example of each of these.
    """
    gpu = has_gpu() if on_gpu is None else on_gpu
    if planned is None:
        specs = workload.read_runs(home, spec)
    else:
        specs = [planned[run_id] for run_id in spec.run_ids]
    disk = _disk_mb(home, spec, specs)
    panel = None if spec.judge is None else spec.judge.panel
    if (spec.stage == "judge" and panel is None) or spec.served:
        return Estimate(0, 0, disk, on_gpu=False)
    requested = stack or spec.stack, rows or spec.rows
    limits = Limits(
        gpu, None if free_mb is None else free_mb * MB, *requested, from_scratch, longest or {}
    )
    if panel is None:
        base_needs = memory_needs(home, spec, specs, limits)
    else:
        need = panel_need(home, panel, limits)
        base_needs = [] if need is None else [need]
    if not base_needs:
        return Estimate(0, 0, disk, gpu)
    largest = max(base_needs, key=lambda need: need.total)
    extra = CONTEXT_MB if gpu else LIBRARIES_MB
    parts = {name: -(-size // MB) for name, size in largest.parts.items() if size} | {
        "overhead": extra
    }
    least = max(sum(need.least.values()) for need in base_needs)
    return Estimate(
        memory_mb=sum(parts.values()),
        least_mb=min(-(-least // MB) + extra, sum(parts.values())),
        disk_mb=disk,
        on_gpu=gpu,
        stack=largest.stack,
        rows=largest.rows,
        parts=parts,
        key=_calibration_key(spec, specs, gpu, largest),
    )


def _calibration_key(
    spec: LaunchSpec, specs: Sequence[RunSpec], gpu: bool, need: MemoryNeed
) -> str:
    """Base model, stage, device, and how much is done at once."""
    panel = None if spec.judge is None else spec.judge.panel
    models = [run.model for run in specs] if panel is None else [panel.judges[0].model]
    bases = sorted({f"{model.location}@{model.exact_revision or ''}" for model in models})
    device = "gpu" if gpu else "cpu"
    return f"{spec.stage} {','.join(bases)} {device} K={need.stack} rows={need.rows}"


def _disk_mb(home: Home, spec: LaunchSpec, runs: Sequence[RunSpec]) -> int:
    """MB that a launch writes at most, rounded up."""
    total = 0
    if spec.stage == "train":
        for run in workload.untrained(home, runs):
            total += workload.train_disk_bytes(model_dims(run.model), run, spec.during)
    elif spec.stage == "sample" and spec.sample is not None:
        for run in runs:
            count = workload.checkpoints_to_sample(home, run, spec.sample)
            total += count * workload.sample_disk_bytes(spec.sample)
            if spec.sample.held_out:
                measured = workload.kept_checkpoints(home, run)
                total += measured * workload.held_out_disk_bytes(spec.sample, run)
    elif spec.judge is not None and spec.judge.panel is not None:
        panel = spec.judge.panel
        lacks = missing_verdicts(home, [run.run_id for run in runs], panel)
        total = verdict_bytes(panel, sum(lacks.values()), ANSWER_TOKENS)
    elif spec.judge is not None:
        total = sum(workload.judge_disk_bytes(home, run, spec.judge) for run in runs)
    return -(-total // MB)


@dataclass(frozen=True, slots=True)
class PastLaunch:
    """A launch that ended well: what it was thought to take, uncalibrated, and what it took."""

    key: str
    estimate_mb: int
    peak_mb: float


def measured_mb(expected: Estimate, peak_mb: float) -> float:
    """A peak as an estimate counts it: with the CUDA context, which torch does not see."""
    return peak_mb + CONTEXT_MB if expected.on_gpu else peak_mb


def compare(expected: Estimate, peak_mb: float | None) -> str:
    """What became of an estimate, in words; `peak_mb` is done.json's `peak_memory_mb`."""
    if peak_mb is None:
        return "its peak was not measured"
    measured = measured_mb(expected, peak_mb)
    took = f"took {gb(round(measured))} GB"
    if not expected.memory_mb:
        return f"{took}; there was no estimate"
    share = measured / expected.memory_mb
    if 0.8 <= share <= 1.0:
        verdict = "as estimated"
    elif share > 1:
        verdict = f"{share - 1:.0%} more than the estimate of {gb(expected.memory_mb)}"
    else:
        verdict = f"{share:.0%} of the estimate of {gb(expected.memory_mb)}"
    return f"{took}: {verdict}"


def calibrated(expected: Estimate, past: Iterable[PastLaunch]) -> Estimate:
    """An estimate scaled by what past launches of its key took: the most of their ratios.

    The most, not the mean, since too little memory kills and too much only waits; within `SCALE`,
    so that one odd launch cannot block a queue.
    """
    similar = [one for one in past if one.key == expected.key and one.estimate_mb and expected.key]
    if not similar or not expected.memory_mb:
        return expected
    ratio = max(one.peak_mb / one.estimate_mb for one in similar)
    scale = min(max(ratio, SCALE_LIMITS[0]), SCALE_LIMITS[1])
    return replace(
        expected,
        memory_mb=round(expected.memory_mb * scale),
        least_mb=round(expected.least_mb * scale),
        parts={name: round(size * scale) for name, size in expected.parts.items()},
        scale=scale,
    )


class History:
    """The past launches of a home; each is read once, when it has ended."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._past: dict[str, PastLaunch | None] = {}

    def note(
        self, spec: LaunchSpec, *, on_gpu: bool | None = None, free_mb: int | None = None
    ) -> None:
        """Take a launch in, if it has ended well and its peak was measured; cheap when known.

        Its estimate is made again, as if none of its runs were done, and uncalibrated: ratios to
        estimates that had been scaled would go up and down for ever.
        """
        if spec.launch_id in self._past:
            return
        done = read_done(self._home.launch(spec.launch_id).done)
        if done is None:
            return
        self._past[spec.launch_id] = None
        if done.outcome == "finished" and done.peak_memory_mb:
            expected = estimate(self._home, spec, on_gpu=on_gpu, free_mb=free_mb, from_scratch=True)
            if expected.memory_mb:
                peak = measured_mb(expected, done.peak_memory_mb)
                self._past[spec.launch_id] = PastLaunch(expected.key, expected.memory_mb, peak)

    def __iter__(self) -> Iterator[PastLaunch]:
        return (one for one in self._past.values() if one is not None)
