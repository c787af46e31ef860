"""An adapter as it was trained is sampled; one that was zeroed or swapped is refused.

Measured is how far an adapter's logits are from those that training left with it, by the engine on
the device, in fp32 and bf16: the trained one must be well within the limit, a swapped one beyond.
"""

from __future__ import annotations

import shutil

from tests.builders.sampling import WEIGHTS, make_stage, sample_runs, samples_of, seal, zero
from tests.builders.training_home import TrainingHome
from tests.gpu.equality import load
from tests.gpu.homes import exact, new_home, quiet, train_runs
from tests.gpu.session import Session
from wgen_tui.protocol.launches import NOT_TRAINED
from wgen_tui.workers.adapters import read_adapter
from wgen_tui.workers.sample.adapter_proof import LIMITS, distance, read_probe
from wgen_tui.workers.sample.engine.forward import ModelRunner
from wgen_tui.workers.sample.engine.multi_lora import AdapterSlots

PART = "proof"
STEPS = 6


def add_runs(session: Session, name: str, precision: str) -> TrainingHome:
    field = new_home(session, f"{PART}-{precision}-{name}")
    for seed in range(2):
        field.add(f"r{seed}", seed=seed, max_steps=STEPS, learning_rate=1e-2, precision=precision)
    return field


def distances(session: Session, field: TrainingHome) -> list[float]:
    """How far each run's logits are from those at the end of its training."""
    base = load(field, session)
    slots = AdapterSlots(base.model)
    folders = [field.home.run(run_id).checkpoint(STEPS) for run_id in field.runs]
    slots.load([read_adapter(folder) for folder in folders])
    runner = ModelRunner(base.model, int(base.tokenizer.pad_token_id), slots)
    found = []
    for slot, folder in enumerate(folders):
        probe = read_probe(folder, ())
        assert probe.index is not None and probe.logits is not None
        logits = runner.prefill([probe.ids], [slot]).logits[0].float().cpu()
        found.append(distance(logits[probe.index], probe.logits))
    return found


def judged(field: TrainingHome) -> tuple[str, int]:
    """How the sampling of the first run ended, and how many draws it has."""
    with quiet():
        worker = sample_runs(field, make_stage(1), *field.runs)
    assert worker.outcomes["r1"].outcome == "finished", worker.outcomes["r1"].message
    end = worker.outcomes["r0"]
    return end.title or end.outcome, len(samples_of(field, "r0"))


def compare(session: Session, precision: str) -> None:
    """Train once; judge the adapters as they are, then with the first zeroed, then swapped."""
    field = add_runs(session, "as-trained", precision)
    train_runs(field)
    bar = LIMITS[precision]
    for what in ("as trained", "zeroed", "swapped"):
        session.need(1)
        folder, other = (field.home.run(name).checkpoint(STEPS) for name in ("r0", "r1"))
        if what == "as trained":
            gap = max(distances(session, field))
        else:
            shutil.rmtree(field.home.run("r0").samples, ignore_errors=True)
            if what == "zeroed":
                zero(folder)
            else:
                shutil.copy(other / WEIGHTS, folder / WEIGHTS)
            seal(folder)
            gap = distances(session, field)[0]
        ended, count = judged(field)
        good = what == "as trained"
        expected = "finished" if good else NOT_TRAINED
        session.report.check(
            PART,
            f"{precision}: an adapter {what} is {'proven' if good else 'refused'}",
            ok=(gap <= bar, ended, count > 0) == (good, expected, good),
            value=f"logits {gap:.2g} away",
            beside=f"{'at most' if good else 'more than'} {bar:g}",
            note=f"{ended}, {count} draws",
        )


def run(session: Session) -> None:
    """In both precisions."""
    with exact():
        compare(session, "fp32")
    compare(session, "bf16")
