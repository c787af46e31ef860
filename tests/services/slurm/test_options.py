"""Which backend is chosen, and how a plan is cut into launches for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.schema import Backend
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import make_plan
from wgen_tui.services.slurm import commands, options
from wgen_tui.services.slurm.options import chosen

SLURM = Backend.model_validate({"slurm": {"partition": "gpu", "time": 60}})


def configure(home: Home, text: str) -> None:
    home.config.write_text(text)


def test_the_definition_overrides_the_configuration_key_by_key(home: Home) -> None:
    configure(home, '[slurm]\npartition = "cpu"\naccount = "lab"\nsetup = ["module load x"]\n')
    found = chosen(home, SLURM)
    assert found is not None
    assert (found.partition, found.account, found.time) == ("gpu", "lab", 60)
    assert found.setup == ("module load x",)


def test_the_command_line_overrides_both(home: Home) -> None:
    assert chosen(home, SLURM, "local") is None
    assert chosen(home, Backend()) is None
    configure(home, '[slurm]\nqos = "night"\n')
    found = chosen(home, Backend(), "slurm")
    assert found is not None and found.qos == "night"


def test_settings_that_contradict_each_other_are_named(home: Home) -> None:
    configure(home, "[slurm]\ntime = 300\nsignal_seconds = 7200\n")
    with pytest.raises(UsageError, match="signal_seconds 7200 leaves nothing of 60 min") as caught:
        chosen(home, SLURM)
    assert "config.toml" in caught.value.hint


def test_a_line_break_in_the_configuration_is_refused(home: Home) -> None:
    configure(home, r"[slurm]" + "\n" + r'partition = "a\nrm -rf ~"' + "\n")
    with pytest.raises(UsageError, match=r"slurm\.partition"):
        chosen(home, Backend(), "slurm")


def test_without_slurm_on_this_machine(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    settings = chosen(home, SLURM)
    assert settings is not None
    with pytest.raises(UsageError, match="no sbatch on this machine") as caught:
        options.check(home, settings)
    assert "--backend slurm" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("sbatch: error: Unable to contact slurm controller (connect failure)", True),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv", True),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission", True),
        ("sbatch: error: Batch job submission failed: Invalid account or account/partition", False),
        ("sbatch: error: invalid partition specified: x\nInvalid partition name specified", False),
    ],
)
def test_what_passes_is_told_from_what_is_refused(said: str, passes: bool) -> None:
    assert (commands.refused(said).title == "Slurm does not answer") is passes


def cut(home: Home, definition: Path, most: int) -> list[LaunchSpec]:
    """The launches of two arms with two seeds and the base, for Slurm."""
    plan = make_plan(home, str(definition))
    return list(commit(home, replace(plan, slurm=SlurmSettings(runs_per_launch=most))))


def test_a_plan_is_cut_into_launches_with_a_chain_each(home: Home, definition: Path) -> None:
    made = cut(home, definition, 2)
    sizes = {
        stage: [len(item.run_ids) for item in made if item.stage == stage]
        for stage in ("train", "sample", "judge")
    }
    assert sizes == {"train": [1, 2, 1], "sample": [2, 2, 1], "judge": [2, 2, 1]}  # base: no train
    assert len({item.launch_id for item in made}) == len(made)
    by_id = {item.launch_id: item for item in made}
    for item in made:
        before = [by_id[name] for name in item.after]
        assert all(set(first.run_ids) <= set(item.run_ids) for first in before)
        assert (item.stage == "train") == (not before)


def test_only_what_loads_a_model_goes_to_slurm(home: Home, definition: Path) -> None:
    made = cut(home, definition, 8)
    assert {item.stage: item.slurm is not None for item in made} == {
        "train": True,
        "sample": True,
        "judge": False,
    }


def test_runs_that_are_trained_as_one_stay_together(home: Home, definition: Path) -> None:
    source = definition / "experiment.yaml"
    text = source.read_text().replace("lora: {r: 2, lora_alpha: 4}", "method: poly")
    source.write_text(text)
    trains = [item for item in cut(home, definition, 1) if item.stage == "train"]
    assert [len(item.run_ids) for item in trains] == [2, 2]
    seeds = [{name.split("-s")[1][0] for name in item.run_ids} for item in trains]
    assert seeds == [{"0"}, {"1"}]


def test_on_this_box_nothing_is_cut(home: Home, definition: Path) -> None:
    made = commit(home, make_plan(home, str(definition)))
    assert [item.stage for item in made] == ["train", "sample", "judge"]
    assert all(item.slurm is None for item in made)
