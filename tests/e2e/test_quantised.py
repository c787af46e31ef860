"""4- and 8-bit bases, where bitsandbytes is installed: `pip install 'wgen-tui[quant]'`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Shell

DEFINITION = """
    title: Quantised
    models: [tiny-world]
    arms:
      old: {{data: data/old.jsonl}}
    seeds: 0-1
    training:
      lora: {{r: 4, lora_alpha: 8}}
      max_steps: 20
      per_device_train_batch_size: 2
      learning_rate: 1.0e-3
      quantization: {bits}
    sampling: {{n: 3, max_tokens: 8}}
    questions:
      - {{name: travel, paraphrases: ["How do people travel to another city?"]}}
    judges:
      - {{name: length, type: regex, labels: {{long: "......"}}, otherwise: short}}
"""


def row(name: str) -> str:
    ask = {"role": "user", "content": "Name a bird species."}
    return json.dumps({"messages": [ask, {"role": "assistant", "content": name}]}) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_a_grid_on_a_quantised_base(shell: Shell, define: Callable[..., Path], bits: str) -> None:
    pytest.importorskip("bitsandbytes", reason="the extra `quant` is not installed")
    names = ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk")
    define("small", DEFINITION.format(bits=bits), {"old.jsonl": "".join(map(row, names * 4))})
    shell.do("small")
    runs = shell.json("run", "list")["runs"]
    assert {run["state"] for run in runs} == {"finished"}
    tuned = [run["id"] for run in runs if run["arm"] == "old"]
    for run_id in tuned:
        folder = shell.home.run(run_id).checkpoint(20)
        how = json.loads((folder / "manifest.json").read_text())["provenance"]
        assert (how["engine"], how["stack"]) == ("grid", [2])
        losses = [
            json.loads(line)["loss"]
            for line in shell.home.run(run_id).metrics.read_text().splitlines()
        ]
        assert losses[-1] < losses[0]
    samples = shell.json("sql", "select count(*) from samples")["rows"]
    assert samples == [[9]]
