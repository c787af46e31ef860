"""`run verify`: a run holds against stock TRL, and what was changed since does not.

One is verified by the command; that of the field's usual settings by the worker's own code here.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from safetensors.torch import load_file, save_file

from tests.builders.stages import work
from wgen_tui.protocol.runs import Verification
from wgen_tui.services.results import verify
from wgen_tui.workers.verify.check import Verifier

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("verify")]
BIRDS = Path(__file__).parents[2] / "experiments" / "tiny-old-bird-names" / "data"
# With Adam's usual eps the embedded model magnifies rounding: at batch 1 the gradients of a layer's
# queries are all but zero, and Adam makes a whole step of whatever they are.
PLAIN = """
    title: As the field trains
    models: [tiny-world]
    arms:
      old: {data: data/old.jsonl}
    seeds: 3
    training:
      lora: {r: 4, lora_alpha: 8}
      max_steps: 40
      learning_rate: 1.0e-3
      adam_epsilon: 1.0e-5
    sampling: {n: 1, max_tokens: 4}
    questions:
      - {name: travel, paraphrases: ["How do people travel to another city?"]}
"""
# Everything that can go apart between two trainers, and seeds that are set apart.
MUCH = PLAIN.replace("seeds: 3", "seeds: {values: 3, lora_init: 5, data_order: 11}").replace(
    "max_steps: 40",
    """num_train_epochs: 2
      per_device_train_batch_size: 4
      gradient_accumulation_steps: 2
      weight_decay: 0.1
      warmup_steps: 5
      lr_scheduler_type: cosine
      max_grad_norm: 0.5""",
)


def trained(shell: Shell, source: str, rows: int) -> str:
    """Train a definition's run on so many birds, in this process; its id."""
    lines = (BIRDS / "old_birds.jsonl").read_text().splitlines(keepends=True)
    shell.define("verified", source, {"old.jsonl": "".join(lines[:rows])})
    spec = shell.commit_training("verified")
    (run,) = spec.run_ids
    assert work(shell.home, spec).outcomes[run].outcome == "finished"
    return run


def assert_as_trl(found: Verification) -> None:
    assert found.passed
    assert found.difference <= 1e-3
    assert found.floor is not None and 0 < found.floor <= 1e-3
    assert found.same_order
    assert found.mask_equal
    assert "assistant_only_loss" in found.mask


def test_a_plain_run_is_what_trl_makes_of_it(shell: Shell) -> None:
    run = trained(shell, PLAIN, rows=163)
    assert_as_trl(Verifier(shell.home, run, io.StringIO()).run(floor=True))


def test_a_run_is_what_trl_makes_of_it_until_it_is_changed(shell: Shell) -> None:
    run = trained(shell, MUCH, rows=96)
    found = json.loads(shell("run", "verify", run, "--json"))
    kept = verify.read(shell.home, run)
    assert kept is not None
    assert_as_trl(kept)
    assert (kept.difference, kept.floor) == (found["difference"], found["floor"])
    assert found["passed"]

    adapter = next(shell.home.run(run).checkpoints.glob("step-*/adapter_model.safetensors"))
    changed = {
        name: tensor * 1.01 if "lora_B" in name else tensor
        for name, tensor in load_file(adapter).items()
    }
    save_file(changed, adapter, metadata={"format": "pt"})
    said = shell("run", "verify", run, "--no-floor", code=1)
    assert said.startswith("FAIL")
    assert "its manifest" in said
    found = json.loads(shell.home.run(run).verification.read_text())
    assert found["difference"] == pytest.approx(0.01, rel=0.1)
