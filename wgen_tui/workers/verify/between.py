"""`run verify` of a run that lies between two others: the same sum, made by stock PEFT.

Promises: the parents' checkpoints are only read; what is compared is the change of the weights.
"""

from __future__ import annotations

import time
from importlib.metadata import version

import peft
import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file

from wgen_tui.paths import Home
from wgen_tui.protocol.arms import BetweenSpec
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec, Verification
from wgen_tui.workers.adapters import unload
from wgen_tui.workers.arms.parents import checkpoint_of
from wgen_tui.workers.checkpoints import ADAPTER, damaged
from wgen_tui.workers.models import Base
from wgen_tui.workers.verify.compare import Weights, difference, scaling

LIMIT = 1e-5  # of the change: both round to float32
WHOLE, END = "whole", "end"  # names of adapters; PEFT finds a bare number in modules' names too


def stock_sum(home: Home, base: Base, between: BetweenSpec) -> tuple[Weights, float]:
    """PEFT's own `add_weighted_adapter` of the parents, and its scale; the base is bare then."""
    folders = [
        (checkpoint_of(home, parent, "It is made of")[0], share) for parent, share in between.parts
    ]
    model = PeftModel.from_pretrained(base.model, str(folders[0][0]), adapter_name=f"{END}0")
    try:
        for number, (folder, _) in enumerate(folders[1:], start=1):
            model.load_adapter(str(folder), adapter_name=f"{END}{number}")
        # The weights are scaled before they stand side by side; PEFT would scale by sqrt(r) again.
        model.peft_config[f"{END}0"].use_rslora = False
        names, shares = [f"{END}{n}" for n in range(len(folders))], [share for _, share in folders]
        model.add_weighted_adapter(names, shares, WHOLE, combination_type="cat")
        state = get_peft_model_state_dict(model, adapter_name=WHOLE, save_embedding_layers=False)
        weights = {name: tensor.detach().cpu().clone() for name, tensor in state.items()}
        return weights, scaling(model.peft_config[WHOLE])
    finally:
        base.model = unload(model)


def verify_between(
    home: Home, base: Base, spec: RunSpec, final: CheckpointManifest, between: BetweenSpec
) -> Verification:
    """Compare a run's adapter with what PEFT makes of the same two."""
    started = time.monotonic()
    folder = home.run(spec.run_id).checkpoint(final.step)
    own = load_file(folder / ADAPTER)
    stock, scale = stock_sum(home, base, between)
    nothing = {name: torch.zeros_like(tensor) for name, tensor in stock.items()}
    gap = difference(
        own, stock, nothing, scaling(peft.LoraConfig.from_pretrained(str(folder))), scale
    )
    notes = [] if damaged(folder, final.files) is None else ["its files were changed since"]
    hashes = [part["adapter_sha256"] for part in final.provenance.get("between", [])]
    there = [
        checkpoint_of(home, parent, "It is made of")[1]["adapter_sha256"]
        for parent, _ in between.parts
    ]
    if hashes != there:
        notes.append("a parent's adapter is not the one that it was made of: it was changed")
    return Verification(
        run_id=spec.run_id,
        created_at=now(),
        steps=final.step,
        precision="fp32",
        device=base.device.type,
        difference=gap.overall,
        worst=gap.worst,
        worst_module=gap.module,
        floor=None,
        padding=None,
        limit=LIMIT,
        passed=gap.overall <= LIMIT,
        same_order=True,
        mask=f"nothing is trained: {between}",
        mask_equal=None,
        notes=tuple(notes),
        adapter_sha256=final.files[ADAPTER],
        seconds=time.monotonic() - started,
        versions={name: version(name) for name in ("torch", "transformers", "peft")},
    )
