"""4- and 8-bit bases train and sample, where bitsandbytes is installed.

Checked is that a stack trains on such a base (or each run alone, where the code decides so) until
its loss has fallen, and that its adapters are proven and sampled. How far the stack's adapters are
from those of a stack of one is told, no more: such bases compute in bf16.
"""

from __future__ import annotations

import json
from importlib.util import find_spec

from tests.builders.sampling import BASE, TEXTS, add_base, make_stage, sample_runs, samples_of
from tests.builders.training_home import TrainingHome, difference
from tests.gpu.homes import new_home, quiet, train_runs, unfinished
from tests.gpu.session import Session

PART = "quantised"
KINDS = ("4bit", "8bit")
DRAWS = 2


def add_runs(session: Session, name: str, kind: str) -> TrainingHome:
    # On a CPU bitsandbytes takes 4-bit matrices of whole blocks of 64 only.
    width = 768 if session.on_gpu else 128
    field = new_home(session, f"{PART}-{kind}-{name}", intermediate_size=width)
    for seed, rank in enumerate((4, 8)):
        field.add(
            f"r{seed}",
            seed=seed,
            rows=8,
            max_steps=session.sizes.check_steps,
            lora={"r": rank, "lora_alpha": 16},
            learning_rate=3e-3,
            per_device_train_batch_size=2,
            quantization=kind,
        )
    return field


def losses(field: TrainingHome, run_id: str) -> tuple[float, float]:
    """The loss over the first three steps, and over the last three."""
    lines = field.home.run(run_id).metrics.read_text().splitlines()
    rows = [json.loads(line)["loss"] for line in lines]
    return sum(rows[:3]) / 3, sum(rows[-3:]) / 3


def check(session: Session, kind: str) -> None:
    """Train a stack, sample from it, and train its runs one by one."""
    field, narrow = (add_runs(session, name, kind) for name in ("stack", "alone"))
    worker = train_runs(field)
    if wrong := unfinished(worker):
        session.report.check(PART, f"{kind}: trains", ok=False, note=wrong)
        return
    fell = [losses(field, run_id) for run_id in field.runs]
    how = field.manifest("r0")["provenance"]
    session.report.check(
        PART,
        f"{kind}: trains",
        ok=all(last < first for first, last in fell),
        value=", ".join(f"loss {first:.2f} to {last:.2f}" for first, last in fell),
        note=f"{how['engine']} {how.get('stack', how.get('why', ''))}",
    )
    session.need(5)
    add_base(field)
    with quiet():
        worker = sample_runs(field, make_stage(DRAWS), *field.runs, BASE)
    counts = [len(samples_of(field, run_id)) for run_id in (*field.runs, BASE)]
    session.report.check(
        PART,
        f"{kind}: is proven and sampled",
        ok=not unfinished(worker) and counts == [DRAWS * len(TEXTS)] * 3,
        value=f"{sum(counts)} draws",
        beside=f"{3 * DRAWS * len(TEXTS)}",
        note=unfinished(worker),
    )
    session.need(5)
    train_runs(narrow, stack=1)
    gaps = [difference(field.adapter(run_id), narrow.adapter(run_id)) for run_id in field.runs]
    session.report.figure(
        PART,
        f"{kind}: a stack beside its runs one by one",
        f"{max(gaps):.2g} of the update",
        "rounding in bf16 alone: some hundredths",
    )


def run(session: Session) -> None:
    """Both kinds."""
    if find_spec("bitsandbytes") is None:
        session.report.left_out(PART, "4- and 8-bit bases", "bitsandbytes is not installed")
        return
    for kind in KINDS:
        session.need(10 if session.on_gpu else 1)
        check(session, kind)
