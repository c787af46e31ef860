"""Where a step's time goes: one step of a stack, one of a single adapter, one of decoding.

Measures how many operators and kernels a step has, how often the host launches and how often it
waits, and what share of a step the GPU idles: the time in which kernels run, of the profiled step,
beside the time of steps without the profiler, which slows the host down. Without a GPU: operators
and their time alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from tests.gpu import decoding, shapes, stacks
from tests.gpu.grid import main_stack
from tests.gpu.session import Session
from wgen_tui.workers.models import Base

PART = "profile"
WARM = 4  # steps before those that are timed
STEPS = 4  # that are timed; the one after them is profiled
TOP = 5  # operators that are named
NAME = 40  # characters of an operator's name
MS = 1000.0  # microseconds
# The host asks the device for work. Names begin like this; CUDA has variants of each.
LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch", "cudaLaunchCooperative")
# The host waits for the device (cudaDeviceSynchronize is the profiler's own).
WAITS = frozenset({"cudaStreamSynchronize", "cudaEventSynchronize", "cudaMemcpy"})
# Operators that read a number off the device.
READS = frozenset({"aten::item", "aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero"})


@dataclass
class Recorder:
    """Times some steps, then profiles one; told of each step that is done.

    Attributes:
        session: Its device is waited for where profiling begins and ends.
        done: Steps that are done.
        seconds: Of each step before the profiled one, the warm ones too.
        profiler: What was profiled, once it ended.
    """

    session: Session
    done: int = 0
    seconds: list[float] = field(default_factory=list)
    profiler: profile | None = None
    _before: float = 0.0

    def step(self) -> None:
        """A step is done."""
        self.done += 1
        if self.done <= WARM + STEPS:
            at = time.perf_counter()
            self.seconds.append(at - self._before)
            self._before = at
        if self.done == WARM + STEPS:
            self.session.synchronize()
            self.profiler = new_profiler(self.session)
            self.profiler.start()
        elif self.done == WARM + STEPS + 1 and self.profiler is not None:
            self.session.synchronize()
            self.profiler.stop()

    @property
    def step_seconds(self) -> float:
        """What a step takes without the profiler."""
        return median(self.seconds[-STEPS:])


@dataclass(frozen=True)
class Profile:
    """What one step did; times are in microseconds."""

    operators: int
    operator_time: float
    kernels: int
    kernel_time: float
    launches: int
    waits: dict[str, int]
    copies: dict[str, int]
    reads: dict[str, int]
    top: list[tuple[str, int, float]]


def run(session: Session) -> None:
    """Profile each shape's steps."""
    if session.on_gpu:  # the first time is slow
        with new_profiler(session):
            torch.ones(8, device=session.device).sum()
    for shape in session.sizes.models:
        billions = shapes.billions(session.sizes.models[shape]) if session.on_gpu else 0
        build = partial(shapes.build, session, shape)
        base = session.attempt(PART, shape, 1 + 0.4 * billions, build)
        if base is None:
            continue
        tokens = min(session.sizes.row_tokens)
        cases: list[tuple[str, Callable[[Recorder], None]]] = [
            (f"step of K={count}, rows of {tokens}", partial(_train, session, base, count, tokens))
            for count in (main_stack(session), 1)
        ]
        cases.append((f"token of base + {decoding.ADAPTERS}", partial(_decode, session, base)))
        for what, do in cases:
            _profile(session, f"{shape}, {what}", do, 2.5 + 0.3 * billions)
        del base, cases, do, build


def _profile(session: Session, what: str, do: Callable[[Recorder], None], seconds: float) -> None:
    recorder = Recorder(session)

    def work() -> bool:
        do(recorder)
        return True

    try:
        done = session.attempt(PART, what, seconds, work)
    except stacks.NotMeasuredError as error:
        session.report.left_out(PART, what, str(error)[:300])
        return
    if done and recorder.profiler is not None:
        found = analyse(recorder.profiler.events())
        _report(session, what, recorder.step_seconds, found)


def _train(session: Session, base: Base, count: int, tokens: int, recorder: Recorder) -> None:
    made = stacks.make_runs(session, base, session.folder, count, tokens, checkpointing=False)
    clock = stacks.Clock(session, 1, WARM + STEPS, float("inf"), lambda _: recorder.step())
    stacks.train_stack(base, made, clock)


def _decode(session: Session, base: Base, recorder: Recorder) -> None:
    tokens = min(session.sizes.row_tokens)
    made = stacks.make_runs(session, base, session.folder, 1, tokens, checkpointing=False)
    training = made.runs[0].training
    decoding.first_batch(base, training, 1, WARM + STEPS + 2, recorder.step)


def new_profiler(session: Session) -> profile:
    """A profiler of the host, and of the GPU where there is one."""
    activities = [ProfilerActivity.CPU]
    if session.on_gpu:
        activities.append(ProfilerActivity.CUDA)
    return profile(activities=activities)


def analyse(events: Sequence[Any]) -> Profile:
    """Count and add up what a profiler recorded."""
    host = [event for event in events if event.device_type == DeviceType.CPU]
    device = [
        event
        for event in events
        if event.device_type != DeviceType.CPU and not getattr(event, "is_user_annotation", False)
    ]
    operators = [event for event in host if not event.name.startswith("cu")]
    kernels = [event for event in device if not event.name.startswith("Mem")]
    names = Counter(event.name for event in host)
    return Profile(
        operators=len(operators),
        operator_time=sum(event.self_cpu_time_total for event in operators),
        kernels=len(kernels),
        kernel_time=_covered((e.time_range.start, e.time_range.end) for e in device),
        launches=sum(count for name, count in names.items() if name.startswith(LAUNCHES)),
        waits={name: names[name] for name in sorted(WAITS & names.keys())},
        copies=dict(Counter(e.name for e in device if e.name.startswith("Memcpy"))),
        reads={name: names[name] for name in sorted(READS & names.keys())},
        top=_top(kernels, _lasts) if kernels else _top(operators, lambda e: e.self_cpu_time_total),
    )


def _lasts(event: Any) -> float:
    return float(event.time_range.end - event.time_range.start)


def _covered(spans: Iterable[tuple[float, float]]) -> float:
    """How long at least one of these was under way."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def _top(events: Sequence[Any], lasts: Callable[[Any], float]) -> list[tuple[str, int, float]]:
    """The names that took longest: each with how often, and how long together."""
    times: Counter[str] = Counter()
    for event in events:
        times[event.name] += lasts(event)  # type: ignore[assignment]  # fractions count too
    counts = Counter(event.name for event in events)
    return [(name, counts[name], float(took)) for name, took in times.most_common(TOP)]


def _report(session: Session, what: str, seconds: float, found: Profile) -> None:
    step = seconds * 1e6
    value = f"{step / MS:.2f} ms, {found.operators} operators"
    beside = f"{found.operator_time / MS:.2f} ms in operators"
    idle = None
    if found.kernels:  # a GPU's profiler may not be allowed to see any
        idle = max(0.0, 1 - found.kernel_time / step)
        waits = sum(found.waits.values())
        value = f"{step / MS:.2f} ms, {found.kernels} kernels, {found.launches} launches"
        beside = f"GPU idle {idle:.0%}, {waits} waits of the host"
    top = "; ".join(f"{n}x {name[:NAME]} {took / MS:.2f} ms" for name, n, took in found.top)
    session.report.figure(
        PART,
        what,
        value,
        beside,
        top,
        numbers={
            "step_us": step,
            "idle": idle,
            "operators": found.operators,
            "operator_us": found.operator_time,
            "kernels": found.kernels,
            "kernel_us": found.kernel_time,
            "launches": found.launches,
            "waits": found.waits,
            "copies": found.copies,
            "reads": found.reads,
            "top": [(name[:200], count, took) for name, count, took in found.top],
        },
    )
