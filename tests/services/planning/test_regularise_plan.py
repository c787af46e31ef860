"""Arms that are held near their base, from the definition to the files of their runs."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from tests.builders.definition import chat, write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.estimate.workload import longest_example
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.planning.preview import make_request
from wgen_tui.services.results.verify import refusal

KEPT = "  kept: {data: data/old.jsonl, regularise: {kl_to_base: 0.5, prompts: data/all.jsonl}}\n"
ROWS = chat("Hawk") + chat("Wren Wren Wren Wren")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    (folder / "data" / "all.jsonl").write_text(ROWS)
    edit(home, KEPT)
    return home


def edit(home: Home, arm: str, old: str = "", new: str = "") -> None:
    path = home.experiments / "names" / "experiment.yaml"
    lines = path.read_text().splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("  kept:"))
    text = text.replace("arms:\n", f"arms:\n{arm}", 1)
    path.write_text(text.replace(old, new))


def planned(home: Home) -> dict[tuple[str, int], RunSpec]:
    return {(run.spec.arm, run.spec.seeds.seed): run.spec for run in make_plan(home, "names").runs}


def test_the_rows_are_written_with_the_run_and_belong_to_its_id(home: Home) -> None:
    assert definitions.validate(home, "names")
    plan = make_plan(home, "names")
    assert not any("train on the same" in warning for warning in plan.warnings)
    specs = planned(home)
    kept = specs["kept", 0]
    assert kept.regularise is not None
    assert (kept.regularise.kl_to_base, kept.regularise.rows) == (0.5, 2)
    assert kept.data_sha256 == specs["old", 0].data_sha256
    commit(home, plan)
    for seed in (0, 1):
        rows = home.run(specs["kept", seed].run_id).regularise.read_bytes()
        assert sha256(rows).hexdigest() == kept.regularise.sha256
    assert not home.run(specs["old", 0].run_id).regularise.exists()

    def longest(arm: str) -> int:
        spec = specs[arm, 0]
        assert spec.training is not None
        return longest_example(home.run(spec.run_id), spec.training).tokens

    assert longest("kept") > longest("old"), "the estimate counts what goes through the model"
    assert "no stock training with KL" in str(refusal(home, kept))

    edit(home, KEPT.replace("0.5", "0.25"))
    assert planned(home)["kept", 0].run_id != kept.run_id
    edit(home, KEPT)
    (home.experiments / "names" / "data" / "all.jsonl").write_text(chat("Hawk"))
    after = planned(home)
    assert after["kept", 0].run_id != kept.run_id
    assert after["old", 0].run_id == specs["old", 0].run_id

    names = [arm.arm for arm in make_request(home, "names").arms]
    assert names == ["kept", "kept (regularise)", "old", "new"]


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        (KEPT.replace("0.5", "0"), "greater than 0"),
        (KEPT.replace("all.jsonl", "al.jsonl"), "data/al.jsonl' is missing"),
        (KEPT.replace("data/all", "../all"), "outside the definition's folder"),
        (KEPT.replace("regularise", "in_context: {rows: 1}, regularise"), "in_context trains"),
        (KEPT.replace("prompts", "prompt"), "Unknown key 'prompt'"),
    ],
)
def test_what_cannot_be_is_refused(home: Home, arm: str, why: str) -> None:
    edit(home, arm)
    with pytest.raises(UsageError, match=why):
        make_plan(home, "names")


def test_several_processes_and_rows_without_an_answer_are_refused(home: Home) -> None:
    edit(home, KEPT, "seeds: 0-1", "seeds: 0-1\naccelerate: {num_processes: 2}")
    with pytest.raises(UsageError, match="over several processes"):
        make_plan(home, "names")
    edit(home, KEPT, "\naccelerate: {num_processes: 2}", "")
    path = home.experiments / "names" / "data" / "all.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "Name a bird ."}]}\n')
    with pytest.raises(UsageError, match=r"all\.jsonl"):
        definitions.validate(home, "names")
