"""Training and sampling by CUDA graphs give what the same shapes give without.

Measured is ‖ΔW difference‖ / ‖update‖ of the worst adapter, in fp32, and how many draws have the
same tokens; beside it how often a graph did the work, since what cannot be captured runs as it is.
Whether graphs are faster is measured by `grid` and `draws`.
"""

from __future__ import annotations

import torch

from experiments.schema import SamplingConfig
from tests.builders.replaying import replaying
from tests.builders.training_home import TrainingHome
from tests.gpu.equality import adapters, limit, worst
from tests.gpu.homes import exact, new_home, train_runs, unfinished
from tests.gpu.rivals import SLOTS, Rivals
from tests.gpu.sampling import SAME_DRAWS
from tests.gpu.session import Session

PART = "graphs"
RUNS = 4
IMITATED = "no GPU: passes ran again in place of graphs"


def add_runs(session: Session, name: str) -> TrainingHome:
    """Runs of unlike rank, and of unlike length, so that the stack is filled again in between."""
    field = new_home(session, f"{PART}-{name}")
    for seed in range(RUNS):
        steps = session.sizes.check_steps * (2 + seed % 2)
        field.add(f"r{seed}", seed=seed, max_steps=steps, lora={"r": 2 + seed, "lora_alpha": 4})
    return field


def training(session: Session) -> None:
    """A stack with graphs, without, and without once more: what rounding alone makes of it."""
    plain, again, captured = (add_runs(session, name) for name in ("plain", "again", "captured"))
    notes: list[str] = []
    with replaying(lambda _: None, really=False):
        for field in (plain, again):
            train_runs(field)
    with replaying(notes.append) as graphs:
        worker = train_runs(captured)
    replayed = sum(one.replayed for one in graphs)
    notes += [note for note in captured.notes(worker) if "graphs" in note]
    expected = adapters(plain)
    floor = worst(adapters(again), expected)
    wrong = unfinished(worker)
    value = float("inf") if wrong else worst(adapters(captured), expected)
    bar = limit("fp32", floor)
    session.report.check(
        PART,
        f"fp32: a stack of {RUNS} by graphs = without",
        ok=value <= bar and replayed > 0,
        value=f"{value:.2g} of the update, {replayed} passes replayed",
        beside=f"at most {bar:.2g}; two without {floor:.2g}",
        note="; ".join(filter(None, (wrong, *notes, "" if session.on_gpu else IMITATED))),
    )


def sampling(session: Session) -> None:
    """Draws of base + 8 adapters in one stack, with graphs and without."""
    rivals = Rivals(session, torch.float32)
    how = SamplingConfig(n=2, max_tokens=2 * session.sizes.draw_tokens)
    queues = [rivals.requests(slot, 2) for slot in SLOTS]
    with replaying(lambda _: None, really=False):
        plain = rivals.draw(queues, how)
    notes: list[str] = []
    with replaying(notes.append) as graphs:
        captured = rivals.draw(queues, how)
    replayed = sum(one.replayed for one in graphs)
    same = sum(captured[request].tokens == one.tokens for request, one in plain.items())
    notes += [note for note in rivals.notes if "graphs" in note]
    session.report.check(
        PART,
        "fp32: draws of base + 8 adapters by graphs = without",
        ok=same >= SAME_DRAWS * len(plain) and replayed > 0,
        value=f"{same} of {len(plain)} draws, {replayed} steps replayed",
        beside=f"at least {SAME_DRAWS:.0%}",
        note="; ".join(filter(None, (*notes, "" if session.on_gpu else IMITATED))),
    )


def run(session: Session) -> None:
    """Both."""
    with exact():
        training(session)
        session.need(5)
        sampling(session)
