"""Out of memory: training halves its stack, sampling its batch; both go on, and nothing is lost.

On a GPU the allocator itself refuses: it may take no more than lies half-way between what the work
takes undisturbed and what it takes one by one. On a CPU, where memory does not end so, the model
refuses as a full GPU would. What comes out is compared with the same work undisturbed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from tests.builders.sampling import BASE, add_base, completions, make_stage, sample_runs
from tests.builders.training_home import TrainingHome, chats
from tests.gpu.equality import adapters, limit, worst
from tests.gpu.homes import exact, new_home, quiet, train_runs, train_until, unfinished
from tests.gpu.session import Session
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train.grid import step_batch

PART = "memory"
RUNS, STEPS = 4, 6
SAME_DRAWS = 0.98  # rounding decides a race in one of some thousand tokens
Work = Callable[[], Worker]


def half_way(session: Session, whole: Work, least: Work) -> tuple[int, int, int]:
    """Do some work, then the least of it.

    Returns:
        Bytes half-way between the two, what the whole must have, and what the least has been given
        with all that the allocator rounds up: the first is too little for the whole and enough for
        the least, whatever the allocator does. What this process held before is added to all as it
        is at the end. 0 on a CPU.
    """
    if not session.on_gpu:
        whole()
        least()
        return 0, 0, 0
    before = held(session)
    whole()
    most = torch.cuda.max_memory_allocated() - before
    before = held(session)
    least()
    few = torch.cuda.max_memory_reserved() - before
    now = held(session)
    return now + (most + few) // 2, now + most, now + few


def held(session: Session) -> int:
    """Bytes that are in use although nothing is being done: what earlier parts have left."""
    session.free()
    return int(torch.cuda.memory_allocated())


@contextmanager
def only(session: Session, allowed: int, refuses: Callable[[torch.Tensor], bool]) -> Iterator[None]:
    """Let there be less memory.

    Args:
        session: Where.
        allowed: Bytes, on a GPU.
        refuses: On a CPU, the token ids for which the model refuses.
    """
    session.free()
    if session.on_gpu:
        total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        torch.cuda.set_per_process_memory_fraction(allowed / total)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        return

    def check(module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        if isinstance(module, torch.nn.Embedding) and refuses(args[0]):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    hook = register_module_forward_pre_hook(check)
    try:
        yield
    finally:
        hook.remove()


def told(field: TrainingHome, worker: Worker) -> str:
    """What the worker said about memory."""
    return "; ".join(n.strip(": ") for n in field.notes(worker) if "out of memory" in n)


def trained(session: Session, name: str) -> TrainingHome:
    """A home with runs whose activations are what takes memory."""
    field = new_home(session, f"{PART}-{name}")
    batch, words = (8, (40, 60)) if session.on_gpu else (1, (2, 8))
    for seed in range(RUNS):
        paths = field.add(
            f"r{seed}",
            seed=seed,
            max_steps=STEPS,
            per_device_train_batch_size=batch,
            max_length=512,
            precision="fp32",
        )
        rows = chats(2 * batch + 8, seed + 100, words)
        paths.data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return field


def training(session: Session) -> None:
    """Four runs together; half-way through memory is short, and fewer fit."""
    calm, narrow, scarce = (trained(session, name) for name in ("calm", "narrow", "scarce"))
    taken: list[bool] = []

    def too_many(ids: torch.Tensor) -> bool:
        return torch.is_grad_enabled() and len(ids) > RUNS // 2

    with patch.object(step_batch, "should_pack", lambda *_: False):
        sizes = half_way(
            session, lambda: train_runs(calm), lambda: train_runs(narrow, narrow.runs[0], stack=1)
        )
        with ExitStack() as ending:

            def take(*_: object) -> None:
                if not taken:
                    taken.append(True)
                    ending.enter_context(only(session, sizes[0], too_many))

            worker = train_until(scarce, STEPS // 2, take)
    wrong, said = unfinished(worker), told(scarce, worker)
    value = float("inf") if wrong else worst(adapters(scarce), adapters(calm))
    bar = limit("fp32", 0.0)
    session.report.check(
        PART,
        f"training {RUNS} adapters where fewer fit = undisturbed",
        ok=value <= bar and "adapters together from here on" in said,
        value=f"{value:.2g} of the update",
        beside=f"at most {bar:.2g}",
        note=(wrong[:300] or said) + limits(*sizes),
    )


def limits(allowed: int, most: int, least: int) -> str:
    """What the allocator was let have, and what the work takes."""
    if not allowed:
        return " (the model refused: a CPU has no limit)"
    mb = 2**20
    return f" ({allowed // mb} MB of the {most // mb} that it takes; the least {least // mb})"


def sampling(session: Session) -> None:
    """A batch of draws that does not fit."""
    field = new_home(session, f"{PART}-sampling")
    field.add("r0", max_steps=2, precision="fp32", learning_rate=1e-2)
    add_base(field)
    train_runs(field)
    n, tokens = (160, 96) if session.on_gpu else (4, 8)
    stage = make_stage(n, max_tokens=tokens)

    def work() -> Worker:
        with quiet():
            return sample_runs(field, stage)

    def least() -> Worker:
        forget(field)
        with quiet():
            return sample_runs(field, make_stage(1, max_tokens=2))

    expected: dict[int, str] = {}

    def whole() -> Worker:
        worker = work()
        expected.update(everything(field))
        return worker

    sizes = half_way(session, whole, least)
    forget(field)
    with only(session, sizes[0], lambda ids: ids.size(1) == 1 and len(ids) > 3 * n // 2):
        worker = work()
    wrong, said, found = unfinished(worker), told(field, worker), everything(field)
    same = sum(found.get(key) == text for key, text in expected.items())
    session.report.check(
        PART,
        f"{len(expected)} draws where fewer fit = undisturbed",
        ok=not wrong
        and found.keys() == expected.keys()
        and same >= SAME_DRAWS * len(expected)
        and "draws at once from here" in said,
        value=f"{len(found)} drawn, {same} the same",
        beside=f"all, {SAME_DRAWS:.0%} of them",
        note=(wrong[:300] or said) + limits(*sizes),
    )


def forget(field: TrainingHome) -> None:
    """Remove all draws."""
    for run_id in (BASE, "r0"):
        shutil.rmtree(field.home.run(run_id).samples)


def everything(field: TrainingHome) -> dict[int, str]:
    """All completions of the home, by sample id."""
    return completions(field, BASE) | completions(field, "r0")


def run(session: Session) -> None:
    """Training, then sampling."""
    with exact():
        training(session)
        session.need(8 if session.on_gpu else 1)
        sampling(session)
