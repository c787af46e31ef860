"""A stack trains each run's adapter as a plain PEFT loop and stock TRL train it by itself.

Measured is ‖ΔW difference‖ / ‖update‖ of the worst of four runs that share nothing but the base.
Beside it stands the floor: the plain loop again, its batches padded longer and its first weights
moved by one unit in the last place, which is rounding. (Padding alone changes not a bit where a
kernel takes each row by itself.) In fp32 the bar is that of `run verify`, 1e-3 at least: kernels
follow from shapes, so a stack rounds otherwise than one run. In bf16 it is two floors.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import torch
from accelerate.utils import set_seed
from peft import get_peft_model, get_peft_model_state_dict
from transformers import get_scheduler

from tests.builders.training_home import TrainingHome, difference
from tests.gpu.homes import exact, new_home, quiet, train_runs, unfinished
from tests.gpu.session import Session
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import IGNORED, Dataset, load_examples
from wgen_tui.workers.models import Base, load_base
from wgen_tui.workers.recipe import Order, lora_config
from wgen_tui.workers.train.grid import step_batch
from wgen_tui.workers.verify import trl
from wgen_tui.workers.verify.check import tolerance

PART = "equality"
TRL_FAMILY = "llama"
FP32_BAR = 1e-3  # one clip for all adapters, which is wrong, moves them by 0.2
PADDINGS = {"fp32": (8,), "bf16": (8, 128)}  # tokens that rows are a multiple of, for the floor
# Rank, rate, schedule, decay, batch and clipping: each run has its own.
MIXED: dict[str, dict[str, Any]] = {
    "rank8": {"lora": {"r": 8, "lora_alpha": 16}},
    "rank4": {"lora": {"r": 4, "lora_alpha": 4}, "learning_rate": 3e-3, "weight_decay": 0.1},
    "rank16": {
        "lora": {"r": 16, "lora_alpha": 32, "use_rslora": True},
        "lr_scheduler_type": "cosine",
        "warmup_steps": 3,
    },
    "rank2": {
        "lora": {"r": 2, "lora_alpha": 8},
        "per_device_train_batch_size": 3,
        "max_grad_norm": 0.05,
    },
}
Adapters = dict[str, dict[str, torch.Tensor]]


def add_runs(field: TrainingHome, session: Session, precision: str) -> TrainingHome:
    for seed, (run_id, training) in enumerate(MIXED.items()):
        steps = session.sizes.check_steps - seed  # they do not end together
        field.add(run_id, seed=seed, rows=12, max_steps=steps, precision=precision, **training)
    return field


def stacked(field: TrainingHome, *, pack: bool) -> str:
    """Train all runs in one stack, in this mode; what went wrong, if anything."""
    with patch.object(step_batch, "should_pack", lambda *_: pack):
        worker = train_runs(field)
    if wrong := unfinished(worker):
        return wrong
    for run_id in field.runs:
        how = field.manifest(run_id)["provenance"]
        if (
            max(how["stack"]) != len(field.runs)
            or how["passes_padded" if pack else "passes_packed"]
        ):
            return f"{run_id} was not trained as asked: {how}"
    return ""


def plain(field: TrainingHome, run_id: str, base: Base, padding: int = 0) -> dict[str, Any]:
    """PEFT, torch's AdamW and nothing of ours but the order of the examples.

    Args:
        field: Where the run is.
        run_id: It.
        base: Its base, as before afterwards.
        padding: 0, or for the floor: what rows are to be a multiple of, in tokens.
    """
    spec, training, examples = read(field, run_id, base)
    set_seed(spec.seeds.lora_init)
    model = get_peft_model(base.model, lora_config(training, base.model)).train()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if padding:
        nudge(weights)
    optimizer = torch.optim.AdamW(
        weights, lr=training.learning_rate, weight_decay=training.weight_decay
    )
    steps = training.max_steps
    scheduler = get_scheduler(
        training.lr_scheduler_type,
        optimizer,
        num_warmup_steps=training.warmup_steps,
        num_training_steps=steps,
    )
    order = Order(examples, training, spec.seeds.data_order)
    for step in range(1, steps + 1):
        (batch,) = order.batches(step)
        ids, mask, labels = (part.to(base.device) for part in padded(batch, padding))
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten(), ignore_index=IGNORED
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, training.max_grad_norm)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    trained = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
    base.model = model.unload().eval().requires_grad_(False)
    return trained


def nudge(weights: Sequence[torch.Tensor]) -> None:
    """Move weights away from zero by one unit in the last place; a zero stays one."""
    with torch.no_grad():
        for weight in weights:
            weight.copy_(torch.nextafter(weight, 2 * weight))


def read(field: TrainingHome, run_id: str, base: Base) -> tuple[RunSpec, Any, tuple[Example, ...]]:
    """A run's spec, its training, and its examples."""
    spec = RunSpec.model_validate_json(field.home.run(run_id).spec.read_bytes())
    assert spec.training is not None
    data = load_examples(field.home.run(run_id).data, base.tokenizer, spec.training)
    return spec, spec.training, data.examples


def padded(batch: Sequence[Example], padding: int) -> tuple[torch.Tensor, ...]:
    """Ids, mask and labels [rows, tokens]; with `padding` longer, and one empty row more."""
    width = max(len(example.ids) for example in batch)
    width = -(-width // (padding or 1)) * (padding or 1)
    ids = torch.zeros(len(batch) + (padding > 0), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    mask[:, 0] = 1  # a row without any token is not a number in some kernels
    for row, example in enumerate(batch):
        tokens, trained = torch.tensor(example.ids), torch.tensor(example.trained)
        ids[row, : len(tokens)] = tokens
        mask[row, : len(tokens)] = 1
        labels[row, : len(tokens)] = tokens.masked_fill(~trained, IGNORED)
    return ids, mask, labels


def load(field: TrainingHome, session: Session) -> Base:
    """The base that the runs of a home share."""
    spec = RunSpec.model_validate_json(field.home.run(field.runs[0]).spec.read_bytes())
    return load_base(spec.model, spec.training, None, session.device)


def adapters(field: TrainingHome) -> Adapters:
    """What the runs of a home have ended with."""
    return {run_id: field.adapter(run_id) for run_id in field.runs}


def worst(ones: Adapters, others: Adapters) -> float:
    """The largest difference of a run's adapters."""
    return max(difference(ones[run_id], others[run_id]) for run_id in ones)


def compare(session: Session, family: str, precision: str) -> TrainingHome:
    """Train a family's runs in both modes of the stack and in a plain loop; returns a home."""
    session.need(10 if session.on_gpu else 2)
    name = f"{PART}-{family}-{precision}"
    fields = {
        way: add_runs(new_home(session, f"{name}-{way}", family), session, precision)
        for way in ("packed", "padded")
    }
    first = fields["padded"]
    base = load(first, session)
    alone = {run_id: plain(first, run_id, base) for run_id in first.runs}
    longer = [
        {run_id: plain(first, run_id, base, padding) for run_id in first.runs}
        for padding in PADDINGS[precision]
    ]
    del base  # the stack loads its own
    floor = max(worst(other, alone) for other in longer)
    bar = limit(precision, floor)
    for way, field in fields.items():
        what = f"{family}, {precision}: a stack of {len(field.runs)}, {way}, = a plain PEFT loop"
        if wrong := stacked(field, pack=way == "packed"):
            session.report.check(PART, what, ok=False, note=wrong)
            continue
        value = worst(adapters(field), alone)
        session.report.check(
            PART,
            what,
            ok=value <= bar,
            value=f"{value:.2g} of the update",
            beside=f"at most {bar:.2g}; rounding alone {floor:.2g}",
        )
    return first


def limit(precision: str, floor: float) -> float:
    """How far a stack's adapters may be from those trained alone."""
    bar = tolerance(precision, floor)
    return max(bar, FP32_BAR) if precision == "fp32" else bar


def beside_trl(session: Session, field: TrainingHome, run_ids: Sequence[str]) -> None:
    """Runs that a stack has trained in fp32, trained again by stock TRL."""
    what = f"{TRL_FAMILY}, fp32: a stack = stock TRL"
    if missing := [name for name in ("trl", "datasets") if find_spec(name) is None]:
        session.report.left_out(PART, what, f"{missing[0]} is not installed")
        return
    session.need(15 if session.on_gpu else 3)
    value, in_order = 0.0, True
    for run_id in run_ids:
        base = load(field, session)  # TRL leaves its own output layer behind in the model
        spec, training, examples = read(field, run_id, base)
        steps = training.max_steps
        dataset = Dataset(examples, ())
        with quiet():
            stock = trl.train(base, dataset, training, spec.seeds, steps, lambda _step: None)
        value = max(value, difference(field.adapter(run_id), stock.final))
        ours = trl.our_order(dataset, training, spec.seeds.data_order, steps)
        in_order = in_order and trl.same_order(ours, stock.order)
    bar = limit("fp32", 0.0)
    session.report.check(
        PART,
        what,
        ok=value <= bar and in_order,
        value=f"{value:.2g} of the update",
        beside=f"at most {bar:.2g}",
        note="" if in_order else "TRL saw the examples in another order",
    )


def run(session: Session) -> None:
    """fp32 in three families (one on a CPU), bf16 in one, TRL beside one."""
    with exact():
        field = compare(session, TRL_FAMILY, "fp32")
        beside_trl(session, field, field.runs[:1])
        compare(session, "qwen3", "bf16")
        for family in ("qwen3", "gemma2") if session.on_gpu else ():
            compare(session, family, "fp32")
