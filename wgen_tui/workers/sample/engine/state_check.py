"""Tries whether a model that remembers more than keys and values can be sampled in batches.

Promises: a model whose state is lost, shared or polluted by padding is refused before anything is
drawn from it; what is plain attention in transformers' own code costs nothing.
"""

from __future__ import annotations

import torch

from wgen_tui.workers.device.transfer import upload
from wgen_tui.workers.models import Base, padding_id
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.sample.engine.forward import ModelRunner, keeps_keys_only

LENGTHS = (9, 4, 6)  # of the prompts tried: two are padded
ROWS = (2, 0, 0)  # as rows are dropped and forked while others go on
STEPS = 4
# A state that is lost shows as a tenth and more; some models decode by other formulas than they
# prefill, which shows as 3e-4 in any precision.
LIMITS = {"fp32": 1e-2, "bf16": 1e-1, "fp16": 1e-1}


def refuse_lost_state(base: Base) -> None:
    """Try a model, unless it is plain attention.

    Raises:
        WorkerError: rows of a batch do not get what they get alone and without a cache.
    """
    if keeps_keys_only(base.model):
        return
    try:
        apart = _apart(base)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise _refused(base, f"it does not take transformers' cache ({error})") from error
    if not apart <= LIMITS[base.precision]:  # not `>`: NaN is no success
        raise _refused(
            base, f"logits in a batch are {apart:.2g} away (relative) from those of a row alone"
        )


def _refused(base: Base, why: str) -> WorkerError:
    name, kind = base.reason.partition(":")[0], base.model.config.model_type
    return WorkerError(
        f"The state of {name} ({kind}) is not carried right from token to token: {why}.",
        title="Model cannot be sampled",
        hint="docs/models.md lists the architectures that can.",
    )


def _apart(base: Base) -> float:
    """The largest relative distance of a row's logits from those it has alone, uncached."""
    model = base.model
    vocabulary = model.get_input_embeddings().weight.size(0)
    rows = [[(7 * n + 3 * i) % vocabulary for i in range(n + STEPS)] for n in LENGTHS]
    runner = ModelRunner(model, padding_id(base.tokenizer))
    state = runner.prefill([row[:length] for row, length in zip(rows, LENGTHS, strict=True)])
    numbers = list(range(len(rows)))
    worst = 0.0
    for step in range(STEPS):
        for place, number in enumerate(numbers):
            ids = torch.tensor([rows[number][: LENGTHS[number] + step]], device=model.device)
            with torch.inference_mode():
                alone = model(input_ids=ids, use_cache=False).logits[0, -1].float()
            distance = (state.logits[place].float() - alone).norm() / alone.norm()
            worst = max(worst, float(distance.nan_to_num(torch.inf)))
        if step == STEPS // 2:
            runner.select(state, ROWS)
            numbers = [numbers[row] for row in ROWS]
        tokens = torch.tensor([[rows[number][LENGTHS[number] + step]] for number in numbers])
        runner.decode(state, upload(tokens, runner.device))
    return worst
