"""Peak memory of training and sampling, beside the estimate by which launches are placed on GPUs.

Measures, for each shape, a stack on short rows, one on long rows, and sampling base + 8 adapters,
as workers do them. On a GPU an estimate that is below the peak is a failed check: what is placed
beside it could run out of memory. Without one this process has more in memory than a worker, so
that the figure says nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from tests.builders.sampling import BASE, add_base, make_stage, sample_launch
from tests.builders.training_home import TrainingHome
from tests.gpu import decoding, shapes, stacks
from tests.gpu.grid import is_long, main_stack
from tests.gpu.session import Session
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.estimate.estimate import CONTEXT_MB, MB, Estimate, estimate
from wgen_tui.workers.models import Base

PART = "estimate"
STEPS = 3
TOLERANCE = 1.05  # peak / estimate; placement leaves more than that free


@dataclass(frozen=True)
class Loaded:
    """A model, and the folder by which the services know it."""

    base: Base
    folder: Path


@dataclass(frozen=True)
class Found:
    """One measurement.

    Attributes:
        expected: The estimate.
        peak_mb: The most that torch held: what nobody else could have.
        allocated_mb: The most of it that was in use; 0 without a GPU.
        together: Adapters that were trained together, or are on the base.
        before_mb: Of all that, what this process had before: other parts', which a worker has not.
    """

    expected: Estimate
    peak_mb: float
    allocated_mb: float
    together: float
    before_mb: float


def run(session: Session) -> None:
    """Measure each shape."""
    if session.on_gpu:
        _report_context(session)
    for shape in session.sizes.models:
        _measure_shape(session, shape)


def _measure_shape(session: Session, shape: str) -> None:
    billions = shapes.billions(session.sizes.models[shape]) if session.on_gpu else 0
    model = session.attempt(PART, shape, 1 + 0.4 * billions, partial(_load, session, shape))
    if model is None:
        return
    stack, draws = main_stack(session), max(session.sizes.draws)
    cases: list[tuple[str, Callable[[], Found]]] = [
        (f"K={stack}, rows of {tokens}", partial(_train, session, model, stack, tokens))
        for tokens in session.sizes.row_tokens
    ]
    cases.append((f"sampling, n={draws}", partial(_sample, session, model, draws)))
    for case, measure in cases:
        what = f"{shape}, {case}"
        try:
            found = session.attempt(PART, what, 2 + 0.6 * billions, measure)
        except stacks.NotMeasuredError as error:
            session.report.left_out(PART, what, str(error)[:300])
            continue
        if found is not None:
            _report(session, what, found)


def _load(session: Session, shape: str) -> Loaded:
    base = shapes.build(session, shape)
    folder = Path(tempfile.mkdtemp(dir=session.folder))
    return Loaded(base, shapes.write_heads(base, folder))


def _train(session: Session, model: Loaded, stack: int, tokens: int) -> Found:
    made = stacks.make_runs(
        session,
        model.base,
        model.folder,
        stack,
        tokens,
        checkpointing=is_long(session, tokens),
    )
    expected = _expected(session, made.field, made.worker.spec)
    before = _before_mb(session, model)
    clock = stacks.Clock(session, 1, STEPS)
    stacks.train_stack(model.base, made, clock)
    return Found(expected, session.peak_mb(), _allocated_mb(session), clock.together, before)


def _sample(session: Session, model: Loaded, draws: int) -> Found:
    short = min(session.sizes.row_tokens)
    count = decoding.ADAPTERS
    made = stacks.make_runs(session, model.base, model.folder, count, short, checkpointing=False)
    add_base(made.field)
    stage = make_stage(draws, decoding.QUESTIONS, max_tokens=session.sizes.draw_tokens)
    spec = sample_launch(made.field, stage, BASE, *made.field.runs).spec
    expected = _expected(session, made.field, spec)
    training = made.runs[0].training
    before = _before_mb(session, model)
    decoding.first_batch(model.base, training, draws, stage.sampling.max_tokens, lambda: None)
    return Found(expected, session.peak_mb(), _allocated_mb(session), count, before)


def _expected(session: Session, field: TrainingHome, spec: LaunchSpec) -> Estimate:
    """The estimate as placement asks for it: for the whole of the GPU."""
    free = None
    if session.on_gpu:
        free = torch.cuda.get_device_properties(session.device).total_memory // MB
    return estimate(field.home, spec, on_gpu=session.on_gpu, free_mb=free)


def _before_mb(session: Session, model: Loaded) -> float:
    """What is in use now beside the model."""
    if not session.on_gpu:
        return 0.0
    own = sum(p.numel() * p.element_size() for p in model.base.model.parameters())
    return float(torch.cuda.memory_allocated() - own) / MB


def _allocated_mb(session: Session) -> float:
    return torch.cuda.max_memory_allocated() / MB if session.on_gpu else 0.0


def _context_mb() -> float:
    """What this process has of the GPU beside torch's own: the context, and kernels as code."""
    free, total = torch.cuda.mem_get_info()
    return float(total - free - torch.cuda.memory_reserved()) / MB


def _report_context(session: Session) -> None:
    measured = _context_mb()
    session.report.figure(
        PART,
        "CUDA context and kernels",
        f"{measured:.0f} MB",
        f"estimates count {CONTEXT_MB} MB",
        "if nobody else has memory of this GPU",
        numbers={"context_mb": measured, "counted_mb": CONTEXT_MB},
    )


def _report(session: Session, what: str, found: Found) -> None:
    expected = found.expected
    peak = found.peak_mb - found.before_mb + (_context_mb() if session.on_gpu else 0)
    ratio = peak / expected.memory_mb
    parts = ", ".join(f"{name} {size}" for name, size in expected.parts.items())
    value = f"{peak:.0f} MB, {ratio:.2f} of the estimate"
    beside = f"estimate {expected.memory_mb} MB"
    foretold = expected.stack or decoding.ADAPTERS
    note = f"{parts}; for {foretold} adapters, there were {found.together:.0f}"
    session.report.figure(
        PART,
        what,
        value,
        beside,
        note,
        numbers={
            "peak_mb": peak,
            "torch_mb": found.peak_mb,
            "allocated_mb": found.allocated_mb,
            "before_mb": found.before_mb,
            "estimate_mb": expected.memory_mb,
            "ratio": ratio,
            "parts_mb": dict(expected.parts),
            "stack": expected.stack,
            "together": found.together,
            "rows": expected.rows,
        },
    )
    if session.on_gpu:
        session.report.check(
            PART,
            f"{what}: not more than estimated",
            ok=ratio <= TOLERANCE,
            value=f"{ratio:.3f}",
            beside=f"at most {TOLERANCE}",
            note=f"torch held {found.peak_mb:.0f} MB and used {found.allocated_mb:.0f} MB of it; "
            f"before, {found.before_mb:.0f} MB were in use beside the model",
        )
