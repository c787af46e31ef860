"""What one worker process takes of memory, in bytes: as much as it would choose to do at once.

Promises: chooses as the workers do (`workers.train.grid.fit`, `workers.sample.engine.forward`,
`workers.sample.sampler`), by the same constants (`protocol.limits`); raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from experiments.schema import TrainingConfig
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec, SampleStage
from wgen_tui.protocol.limits import (
    MAX_ROWS,
    MAX_SAMPLED_ADAPTERS,
    MAX_TRAINED_ADAPTERS,
    ROWS_SHARE,
    SAMPLED_ADAPTERS_SHARE,
    SPARE_TOKENS,
    TRAINED_ADAPTER_BYTES,
    TRAINING_SHARE,
    pass_tokens,
)
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.model_place import located
from wgen_tui.services.estimate import formulas, workload
from wgen_tui.services.estimate.formulas import ForwardBatch
from wgen_tui.services.estimate.workload import LongestExample
from wgen_tui.services.models.architecture import ModelDims, model_dims

# What the allocator keeps for activations beyond what is asked of it, by whether it is torch's on a
# GPU (a judgment: none was at hand) or the C library's. The latter: 8 adapters at batch 4 on a
# model of 38 M parameters, 2,139 MB resident at the peak, of which 942 MB were counted as
# activations and 736 MB as all else: 1.49.
FRAGMENTATION = {True: 1.1, False: 1.5}
NUMBER_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
UNLIMITED = 1 << 40  # more than there is of anything


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds how much is done at once.

    Attributes:
        free: Bytes that a worker may find free; None for no limit.
        stack: Most adapters together, as asked for; `rows`: most draws.
        from_scratch: Runs that are trained count as well.
        longest: Of runs that are not on disk yet, the largest example.
    """

    on_gpu: bool
    free: int | None = None
    stack: int | None = None
    rows: int | None = None
    from_scratch: bool = False
    longest: Mapping[str, LongestExample] = field(default_factory=dict)

    def fits(self, share: float, taken: int, each: int) -> int:
        """How many of these a worker would think to fit beside what it has loaded; at least one."""
        if self.free is None:
            return UNLIMITED
        return max(1, int((self.free - taken) * share / max(each, 1)))


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Bytes by part, at the size that the worker would choose and at the least."""

    parts: Mapping[str, int]
    least: Mapping[str, int]
    stack: int = 0
    rows: int = 0

    @property
    def total(self) -> int:
        """All parts."""
        return sum(self.parts.values())


def memory_needs(
    home: Home, spec: LaunchSpec, runs: Sequence[RunSpec], limits: Limits
) -> list[MemoryNeed]:
    """What a train or sample launch takes, one after the other: for each base that it loads.

    A base whose size cannot be told is left out, and so is one for which nothing is left to do.
    """
    base_needs = []
    for group in _runs_by_base(runs):
        dims = model_dims(group[0].model)
        if dims is None:
            continue
        base = _loaded_base(spec, dims, group, limits)
        need = (_sample_need if spec.stage == "sample" else _train_need)(
            home, spec, base, group, limits
        )
        if need is not None:
            base_needs.append(need)
    return base_needs


def _runs_by_base(runs: Sequence[RunSpec]) -> Iterable[list[RunSpec]]:
    """The runs for which one base is loaded; one group's memory is free when the next begins."""

    def key(run: RunSpec) -> str:
        training = run.training
        loaded = "" if training is None else f"{training.precision} {training.quantization}"
        return f"{run.model.location}\n{run.model.exact_revision}\n{loaded}"

    for _, group in groupby(sorted(runs, key=key), key):
        yield list(group)


@dataclass(frozen=True, slots=True)
class _LoadedBase:
    """A base as it is loaded: bytes of a number, and of all weights."""

    dims: ModelDims
    width: int
    weights: int


def _loaded_base(
    spec: LaunchSpec, dims: ModelDims, group: Sequence[RunSpec], limits: Limits
) -> _LoadedBase:
    training = next((run.training for run in group if run.training is not None), None)
    width = _number_bytes(training, limits.on_gpu)
    quantization = "none" if training is None else training.quantization
    weights = formulas.weight_bytes(dims, width, quantization)
    if spec.accelerate.get("distributed_type") == "FSDP":
        weights //= spec.processes
    return _LoadedBase(dims, width, weights)


def _number_bytes(training: TrainingConfig | None, on_gpu: bool) -> int:
    """Bytes of a number of the base, as `workers.models` chooses them."""
    precision = "auto" if training is None else training.precision
    if precision == "auto":
        return 2 if on_gpu else 4
    return NUMBER_BYTES[precision]


def _train_need(
    home: Home, spec: LaunchSpec, base: _LoadedBase, group: Sequence[RunSpec], limits: Limits
) -> MemoryNeed | None:
    remaining = list(group) if limits.from_scratch else workload.untrained(home, group)
    remaining = [run for run in remaining if run.training is not None]
    if not remaining:
        return None
    need = _training_step_need(home, spec, base, remaining, limits)
    if judge := _row_judge_bytes(home, remaining, limits):
        parts, least = {**need.parts, "judge": judge}, {**need.least, "judge": judge}
        need = replace(need, parts=parts, least=least)
    if spec.during is None:
        return need
    # Drawn between two steps: what a step has used and left is there for it.
    activations = need.parts["activations"]
    batch = _decode_batch(base, need.total - activations, 1, spec.during, limits)
    extra = max(0, batch.rows * (batch.cache + batch.logits) - activations)
    return replace(need, parts={**need.parts, "cache": extra}, rows=batch.rows)


def _row_judge_bytes(home: Home, runs: Sequence[RunSpec], limits: Limits) -> int:
    """The weights of models that keep rows which are yet to be made, beside the base's own."""
    sizes: dict[tuple[str, str | None, str], int] = {}
    for run in runs:
        asked = None if run.derived is None else run.derived.kept_by
        if asked is None or home.run(run.run_id).derived.exists():
            continue
        model, kind = located(home, asked.model), asked.judge.load_in or "none"
        own = run.training.quantization if run.training is not None else "none"
        same = (model.location, model.exact_revision, kind)
        dims = model_dims(model)
        if same != (run.model.location, run.model.exact_revision, own) and dims is not None:
            width = 2 if limits.on_gpu else 4
            sizes[same] = formulas.weight_bytes(dims, width, kind)
    return sum(sizes.values())


def _training_step_need(
    home: Home, spec: LaunchSpec, base: _LoadedBase, runs: Sequence[RunSpec], limits: Limits
) -> MemoryNeed:
    """As many adapters as memory holds and the machine can use."""
    pairs = [(run, run.training) for run in runs if run.training is not None]
    kinds = [workload.adapters_of(base.dims, training) for _, training in pairs]
    adapters = max(kinds, key=lambda kind: kind.width)
    batches = [
        (
            training,
            limits.longest.get(run.run_id)
            or workload.longest_example(
                home.run(run.run_id),
                training,
                None if run.derived is None else run.derived.sampling.max_tokens,
            ),
        )
        for run, training in pairs
    ]
    training, longest = max(
        batches, key=lambda pair: pair[0].per_device_train_batch_size * pair[1].tokens
    )
    batch = training.per_device_train_batch_size
    weights, state = 4 * adapters.width, (TRAINED_ADAPTER_BYTES - 4) * adapters.width

    def batch_of(count: int) -> ForwardBatch:
        rows = count * batch
        checkpointing = training.gradient_checkpointing
        return ForwardBatch(
            rows * longest.tokens, longest.tokens, rows * longest.labels, checkpointing
        )

    def parts(count: int) -> dict[str, int]:
        activations = formulas.activation_bytes(base.dims, adapters, base.width, batch_of(count))
        return {
            "weights": base.weights,
            "adapters": count * weights,
            "optimiser": count * state,
            "activations": int(activations * FRAGMENTATION[limits.on_gpu]),
        }

    count = 1
    if spec.processes == 1 and not any(one.not_stackable_because for _, one in pairs):
        each = formulas.saved_bytes(base.dims, adapters, base.width, batch_of(1)) + weights + state
        saturating = max(1, pass_tokens(on_gpu=limits.on_gpu) // (batch * longest.tokens))
        fits = limits.fits(TRAINING_SHARE, base.weights, each)
        requested = limits.stack or MAX_TRAINED_ADAPTERS
        count = max(1, min(MAX_TRAINED_ADAPTERS, len(pairs), saturating, fits, requested))
    return MemoryNeed(parts(count), parts(1), stack=count)


@dataclass(frozen=True, slots=True)
class _DecodeBatch:
    """Bytes of a row, and how many are drawn at once."""

    cache: int
    logits: int
    rows: int


def _decode_batch(
    base: _LoadedBase,
    used: int,
    checkpoints: int,
    stage: SampleStage,
    limits: Limits,
    shown: int = 0,
) -> _DecodeBatch:
    """As many rows as a quarter of what is free holds; `shown` tokens stand before a prompt."""
    length = shown + workload.prompt_tokens(stage) + stage.longest_answer
    if limits.on_gpu:
        length += SPARE_TOKENS
    length = max(length, workload.longest_held_out(stage))
    logits = formulas.cache_bytes(base.dims, base.width, 0)
    each = formulas.cache_bytes(base.dims, base.width, length)
    fits = limits.fits(ROWS_SHARE, used, each)
    most = min(MAX_ROWS, limits.rows or MAX_ROWS)
    rows = max(1, min(most, fits, checkpoints * max(1, workload.draws(stage))))
    return _DecodeBatch(each - logits, logits, rows)


def _sample_need(
    home: Home, spec: LaunchSpec, base: _LoadedBase, runs: Sequence[RunSpec], limits: Limits
) -> MemoryNeed | None:
    """The base, the adapters that are loaded with it, and what is drawn at once."""
    stage = spec.sample
    if stage is None:
        return None
    sizes = [
        4 * workload.adapters_of(base.dims, run.training).width
        for run in runs
        if run.training is not None
        for _ in range(workload.checkpoints_to_load(home, run, stage))
    ]
    largest_first = sorted(sizes, reverse=True)[:MAX_SAMPLED_ADAPTERS]
    largest = max(largest_first, default=0)
    loaded = sum(largest_first)
    if limits.free is not None:
        most = int((limits.free - base.weights) * SAMPLED_ADAPTERS_SHARE)
        loaded = max(largest, min(loaded, most))
    checkpoints = max(1, len(sizes) + sum(run.training is None for run in runs))
    in_context = (home.run(run.run_id) for run in runs if run.in_context is not None)
    shown = max(map(workload.shown_tokens, in_context), default=0)
    batch = _decode_batch(base, base.weights + loaded, checkpoints, stage, limits, shown)

    def parts(adapters: int, rows: int) -> dict[str, int]:
        return {
            "weights": base.weights,
            "adapters": adapters,
            "cache": rows * batch.cache,
            "logits": rows * batch.logits,
        }

    return MemoryNeed(parts(loaded, batch.rows), parts(largest, 1), rows=batch.rows)
