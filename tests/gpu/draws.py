"""Tokens per second of sampling base + 8 adapters, beside PEFT's `set_adapter` and `generate`.

Measures both on the same base, adapters and prompts, in one process. All answers have the same
length. PEFT draws from one adapter after the other and needs as long for each, so it is timed on
the base and on as many adapters as a few seconds hold; ours draws from all of them, on a GPU once
more without CUDA graphs.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from unittest.mock import patch

from tests.benchmarks.bench_sampling import ADAPTERS, Rivals
from tests.gpu import shapes
from tests.gpu.session import Found, Session
from wgen_tui.workers.device.graphs import SWITCH
from wgen_tui.workers.sample.engine.multi_lora import NO_SLOT

PART = "draws"
TARGET = 3  # times PEFT's rate
PEER_SECONDS = 3.0  # after which PEFT begins with no further adapter
WARM_TOKENS = 3


@dataclass(frozen=True)
class Figure:
    """Both sides' seconds; PEFT's of the base, and of each adapter that was timed."""

    tokens: int
    ours: float
    way: str
    peft_base: float
    peft_adapters: list[float]
    said: str  # by the engine, of graphs that it could not capture

    @property
    def peft(self) -> float:
        """Seconds of PEFT for all adapters: those that were timed stand for the rest."""
        each = sum(self.peft_adapters) / len(self.peft_adapters)
        return self.peft_base + ADAPTERS * each

    @property
    def ratio(self) -> float:
        return self.peft / self.ours


def run(session: Session) -> None:
    """Measure every shape, few draws first: that is where most is to be won."""
    for shape in session.sizes.models:
        _measure_shape(session, shape)


def _measure_shape(session: Session, shape: str) -> None:
    size = session.sizes.models[shape]
    building = 2 + shapes.billions(size) if session.on_gpu else 1
    rivals = session.attempt(PART, f"{shape}", building, partial(_rivals, session, shape))
    if rivals is None:
        return
    for draws in session.sizes.draws:
        what = f"{shape}, base + {ADAPTERS} adapters, n={draws}"
        # A token's pass takes as long as the host needs to ask for every block's kernels.
        token = 0.001 * size["num_hidden_layers"] if session.on_gpu else 0.001
        seconds = 1 + (4 + 2 * (1 + draws // 8)) * token * rivals.tokens
        found = session.attempt(PART, what, seconds, partial(_measure, session, rivals, draws))
        if found is None:
            continue
        _report(session, what, shape, draws, found)
        if session.on_gpu:
            do = partial(_without_graphs, session, rivals, draws)
            seconds = session.attempt(PART, f"{what}, without CUDA graphs", 2 + 8 * found.ours, do)
            if seconds is not None:
                _report_without(session, what, found, seconds)


def _measure(session: Session, rivals: Rivals, draws: int) -> Figure:
    tokens = rivals.tokens
    rivals.tokens = WARM_TOKENS
    rivals.ours(draws, 1.0)
    rivals.peft_one(NO_SLOT, draws, 1.0)
    rivals.peft_one(0, draws, 1.0)
    rivals.tokens = tokens

    said = io.StringIO()
    with redirect_stdout(said):
        (found, way), ours = timed(session, lambda: rivals.ours(draws, 1.0))
    assert all(len(answer) == tokens for answers in found for answer in answers)
    answers, base = timed(session, lambda: rivals.peft_one(NO_SLOT, draws, 1.0))
    assert all(len(answer) == tokens for answer in answers)
    each: list[float] = []
    while len(each) < ADAPTERS and (not each or base + sum(each) < PEER_SECONDS):
        slot = len(each)
        each.append(timed(session, partial(rivals.peft_one, slot, draws, 1.0))[1])
    tokens = sum(len(a) for one in found for a in one)
    return Figure(tokens, ours, way, base, each, said.getvalue().strip())


def _without_graphs(session: Session, rivals: Rivals, draws: int) -> float:
    """Seconds of ours when no graph is captured."""
    with patch.dict(os.environ, {SWITCH: "0"}):
        (found, _), seconds = timed(session, lambda: rivals.ours(draws, 1.0))
    assert all(len(answer) == rivals.tokens for answers in found for answer in answers)
    return seconds


def _report_without(session: Session, what: str, found: Figure, seconds: float) -> None:
    session.report.figure(
        PART,
        f"{what}, without CUDA graphs",
        f"{found.tokens / seconds:.0f} tokens/s",
        f"with them {seconds / found.ours:.2f} times as fast",
        numbers={"seconds": seconds, "with_seconds": found.ours},
    )


def _rivals(session: Session, shape: str) -> Rivals:
    return Rivals(
        shape,
        lambda: shapes.build(session, shape).model,
        endless=True,
        rank=shapes.RANK,
        tokens=session.sizes.draw_tokens,
    )


def timed(session: Session, work: Callable[[], Found]) -> tuple[Found, float]:
    """What some work gives, and its seconds, the device's included."""
    session.synchronize()
    began = time.perf_counter()
    found = work()
    session.synchronize()
    return found, time.perf_counter() - began


def _report(session: Session, what: str, shape: str, draws: int, found: Figure) -> None:
    session.report.figure(
        PART,
        what,
        f"{found.tokens / found.ours:.0f} tokens/s",
        f"{found.ratio:.2f} times PEFT + generate (target: {TARGET})",
        f"batched: {found.way}; PEFT timed on the base and {len(found.peft_adapters)} adapters"
        + (f"; {found.said[:200]}" if found.said else ""),
        numbers={
            "shape": shape,
            "n": draws,
            "tokens": found.tokens,
            "seconds": found.ours,
            "batched": found.way,
            "peft_base_seconds": found.peft_base,
            "peft_adapter_seconds": found.peft_adapters,
            "ratio": found.ratio,
        },
    )
