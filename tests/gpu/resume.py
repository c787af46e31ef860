"""A training that was stopped, or cut off, ends with the adapter of one that was not.

Measured is ‖ΔW difference‖ / ‖update‖ of the worst run of a stack, on the device. Beside it stands
what two undisturbed trainings differ by: 0 where the device always adds in the same order.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from tests.builders.training_home import TrainingHome
from tests.gpu.equality import adapters, limit, worst
from tests.gpu.homes import exact, new_home, train_runs, train_until, unfinished
from tests.gpu.session import Session
from wgen_tui.workers.runtime import Worker

PART = "resume"
BF16_BAR = 5e-2  # what rounding in bf16 does to an update, twice over
RUNS = 3


class CutOff(BaseException):
    """Ends a training as a kill does: nobody gets to save anything."""


def cut_off(_worker: Worker, _run_id: str) -> NoReturn:
    raise CutOff


def ask_to_stop(worker: Worker, run_id: str) -> None:
    (worker.paths.control / f"cancel-{run_id}").touch()


def add_runs(session: Session, name: str, precision: str) -> TrainingHome:
    """Runs with all that a state has to hold: dropout, decay, a schedule, batches."""
    field = new_home(session, f"{PART}-{precision}-{name}")
    for seed in range(RUNS):
        field.add(
            f"r{seed}",
            seed=seed,
            max_steps=session.sizes.check_steps,
            lora={"r": 4, "lora_alpha": 8, "lora_dropout": 0.1},
            weight_decay=0.05,
            lr_scheduler_type="cosine",
            warmup_steps=3,
            per_device_train_batch_size=2,
            checkpoints={"every": 4},
            precision=precision,
        )
    return field


def compare(session: Session, precision: str) -> None:
    """Disturb a training in both ways, and take it up again."""
    calm, again = (add_runs(session, name, precision) for name in ("calm", "again"))
    for field in (calm, again):
        train_runs(field)
    expected = adapters(calm)
    floor = worst(adapters(again), expected)
    bar = limit(precision, floor) if precision == "fp32" else max(limit(precision, floor), BF16_BAR)
    stop = session.sizes.check_steps // 2 + 1  # not at a checkpoint
    for name, disturb, from_step in (
        ("stopped", ask_to_stop, stop),
        ("cut off", cut_off, stop // 4 * 4),
    ):
        session.need(3)
        field = add_runs(session, name.replace(" ", "-"), precision)
        with suppress(CutOff):
            train_until(field, stop, disturb)
        worker = train_runs(field)
        notes = "\n".join(field.notes(worker))
        taken_up = notes.count(f"goes on from step {from_step} of")
        wrong = unfinished(worker)
        value = float("inf") if wrong else worst(adapters(field), expected)
        session.report.check(
            PART,
            f"{precision}: {name} after step {stop} and taken up again = undisturbed",
            ok=value <= bar and taken_up == RUNS,
            value="bit for bit" if value == 0 else f"{value:.2g} of the update",
            beside=f"at most {bar:.2g}; two undisturbed {floor:.2g}",
            note=wrong or f"{taken_up} of {RUNS} runs from step {from_step}",
        )


def run(session: Session) -> None:
    """In fp32, and on a GPU in the precision that it trains in."""
    with exact():
        compare(session, "fp32")
    if session.on_gpu:
        session.need(5)
        compare(session, "bf16")
