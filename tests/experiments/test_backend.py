"""`backend:` in a definition: sbatch's names, and no way into a shell."""

from __future__ import annotations

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from experiments.schema import SlurmOptions
from tests.experiments.conftest import VALID, Write


def slurm(write: Write, line: str) -> SlurmOptions | None:
    return catalogue.load(write(f"{VALID}backend: {line}\n")).backend.slurm


def test_without_it_work_stays_on_this_box(write: Write) -> None:
    assert catalogue.load(write()).backend.slurm is None


@pytest.mark.parametrize("line", ["slurm", "{slurm: }", "{slurm: {}}"])
def test_slurm_as_the_configuration_says(write: Write, line: str) -> None:
    found = slurm(write, line)
    assert found is not None
    assert found.model_fields_set == set()  # nothing that would override config.toml


def test_local_may_be_written(write: Write) -> None:
    assert slurm(write, "local") is None


def test_what_is_written_is_told_from_what_is_not(write: Write) -> None:
    found = slurm(write, "{slurm: {partition: gpu, gres: 'gpu:a100:1', time: 90}}")
    assert found is not None
    written = {"partition": "gpu", "gres": "gpu:a100:1", "time": 90}
    assert found.model_dump(exclude_unset=True) == written


@pytest.mark.parametrize(
    ("line", "key", "message", "hint"),
    [
        ("slrum", "backend", "'slrum' is no backend", ""),
        ("{slrum: {}}", "backend.slrum", "Unknown key", "slurm"),
        ("{slurm: {partion: gpu}}", "backend.slurm.partion", "Unknown key", "partition"),
        ("{slurm: {time: 0}}", "backend.slurm.time", "greater than 0", ""),
        ("{slurm: {time: 1, signal_seconds: 60}}", "backend.slurm", "leaves nothing", ""),
        ("{slurm: {gres: gpu 1}}", "backend.slurm.gres", "not one word", ""),
        ("{slurm: {setup: [module load cuda]}}", "backend.slurm.setup", "Unknown key", ""),
    ],
)
def test_a_mistake_is_named(write: Write, line: str, key: str, message: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        slurm(write, line)
    problem = caught.value.problems[0]
    assert (problem.key, problem.line) == (key, VALID.count("\n") + 1)
    assert message in problem.message
    assert hint in problem.hint


def test_a_value_cannot_leave_its_line_of_the_script(write: Write) -> None:
    with pytest.raises(DefinitionError):
        slurm(write, r'{slurm: {partition: "gpu\ntouch x"}}')
