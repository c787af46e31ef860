"""Arms of every kind in one definition: they train in one grid as they do one at a time.

The workers' own code trains, derives, draws and grades in this process, off a model of some
thousand weights.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.builders.definition import chat, write_definition
from tests.builders.model import make_model
from tests.builders.training_home import difference
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.results.results import compute
from wgen_tui.workers.judge.stage import judge
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train

pytestmark = pytest.mark.slow
CLOSE = 1e-4
KINDS = """
  kept: {data: data/old.jsonl, regularise: {kl_to_base: 0.5, prompts: data/all.jsonl}}
  self: {data: data/old.jsonl, derived: {teacher: base, prompts: data/old.jsonl, draws: 4,
         max_tokens: 24}}
  student: {derived: {teacher: kept, prompts: data/old.jsonl, draws: 4, max_tokens: 24},
            regularise: {kl_to_base: 2, prompts: data/all.jsonl}}
  further: {data: data/new.jsonl, start_from: student}
  benign: {like: old}
  shown: {data: data/old.jsonl, in_context: {rows: 2}}
"""


def made(folder: Path, model: Path, *, stack: int | None) -> tuple[Home, dict[str, RunSpec]]:
    """A home in which all launches have done their work, with so many adapters in a stack."""
    home = Home(folder).ensure()
    path = write_definition(home.experiments / "names", model)
    (path / "data" / "all.jsonl").write_text(chat("Hawk") + chat("Wren Auk"))
    text = (path / "experiment.yaml").read_text()
    text = text.replace("arms:\n", f"arms:{KINDS}", 1).replace("seeds: 0-1", "seeds: 0")
    text = text.replace("max_steps: 2", "max_steps: 5").replace(
        "max_tokens: 4}", "max_tokens: 24, variants: {plain: null, at: {alpha: [0, 0.5, 1]}}}"
    )
    (path / "experiment.yaml").write_text(text)
    plan = make_plan(home, "names")
    for launch in commit(home, plan):
        spec = launch.model_copy(update={"stack": stack})
        worker = Worker(home, spec, home.launch(spec.launch_id))
        {"train": train, "sample": sample, "judge": judge}[spec.stage](worker)
        wrong = [end for end in worker.outcomes.values() if end.outcome != "finished"]
        assert not wrong
    assert make_plan(home, "names").empty
    return home, {run.spec.arm: run.spec for run in plan.runs}


def test_a_grid_of_mixed_kinds_equals_its_runs_alone(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    together, specs = made(tmp_path / "together", model, stack=None)
    alone, same = made(tmp_path / "alone", model, stack=1)
    trained = {arm: spec for arm, spec in specs.items() if spec.training is not None}
    assert set(trained) == {"old", "new", "kept", "self", "student", "further", "benign"}
    for arm, spec in trained.items():
        assert same[arm].run_id == spec.run_id
        one, other = (
            load_file(home.run(spec.run_id).checkpoint(5) / "adapter_model.safetensors")
            for home in (together, alone)
        )
        assert difference(one, other) < CLOSE, arm
        rows = [home.run(spec.run_id).data.read_bytes() for home in (together, alone)]
        assert rows[0] == rows[1], arm

    results = compute(together, "names", judge="lark", label="lark")
    assert {rate.arm for rate in results.rates} == set(specs)
    assert {curve.arm for curve in results.value_curves} >= {"old", "student"}
