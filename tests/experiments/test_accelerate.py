"""`accelerate:` in a definition: accelerate's own names, and nothing that would be ignored."""

from __future__ import annotations

from typing import Any

import pytest

from experiments import catalogue
from experiments.errors import DefinitionError
from tests.experiments.conftest import VALID, Write

# As `accelerate config` writes it for two GPUs under FSDP.
WRITTEN = """\
compute_environment: LOCAL_MACHINE
debug: false
distributed_type: FSDP
downcast_bf16: 'no'
enable_cpu_affinity: false
fsdp_config:
  fsdp_activation_checkpointing: false
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_cpu_ram_efficient_loading: false
  fsdp_offload_params: false
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_version: 2
machine_rank: 0
main_training_function: main
mixed_precision: 'no'
num_machines: 1
num_processes: 2
parallelism_config: {}
rdzv_backend: static
same_network: true
tpu_env: []
tpu_use_cluster: false
tpu_use_sudo: false
use_cpu: false
"""


def settings(write: Write, line: str, **files: str) -> dict[str, Any]:
    """What a launch is given."""
    text = f"{VALID}accelerate: {line}\n"
    return catalogue.load(write(text, files)).accelerate.settings()


def test_without_it_a_launch_asks_for_nothing(write: Write) -> None:
    assert catalogue.load(write()).accelerate.settings() == {}


def test_processes_and_shards(write: Write) -> None:
    assert settings(write, "{num_processes: 2}")["num_processes"] == 2


def test_fsdp_is_meant_where_it_is_configured(write: Write) -> None:
    found = settings(write, "{num_processes: 4, fsdp_config: {fsdp_offload_params: true}}")
    assert found["distributed_type"] == "FSDP"
    assert found["fsdp_config"]["fsdp_version"] == 2
    assert found["fsdp_config"]["fsdp_offload_params"] is True
    assert found["fsdp_config"]["fsdp_cpu_ram_efficient_loading"] is False


def test_a_file_that_accelerate_wrote_is_taken_as_it_is(write: Write) -> None:
    found = settings(write, "{config_file: two.yaml}", **{"two.yaml": WRITTEN})
    assert found["distributed_type"] == "FSDP"
    assert found["num_processes"] == 2
    assert found["fsdp_config"]["fsdp_state_dict_type"] == "SHARDED_STATE_DICT"
    assert not {"config_file", "mixed_precision"} & set(found)


@pytest.mark.parametrize(
    ("line", "key", "message", "hint"),
    [
        ("{num_proceses: 2}", "accelerate.num_proceses", "Unknown key", "num_processes"),
        (
            "{num_processes: 2, fsdp_config: {fsdp_ofload_params: true}}",
            "accelerate.fsdp_config.fsdp_ofload_params",
            "Unknown key",
            "fsdp_offload_params",
        ),
        ("{distributed_type: MULTI_GPUS}", "accelerate.distributed_type", "not known", "MULTI_GPU"),
        ("{distributed_type: MULTI_CPU}", "accelerate", "needs num_processes", ""),
        ("{distributed_type: DEEPSPEED}", "accelerate", "DDP", ""),
        ("{deepspeed_config: {zero_stage: 3}}", "accelerate", "DeepSpeed is not supported", ""),
        ("{num_processes: 2, num_machines: 2}", "accelerate", "one machine", ""),
        (
            "{num_processes: 2, fsdp_config: {fsdp_version: 1}}",
            "accelerate.fsdp_config",
            "FSDP 2",
            "",
        ),
        (
            "{num_processes: 2, mixed_precision: bf16}",
            "accelerate.mixed_precision",
            "training.precision",
            "precision: bf16",
        ),
        ("{config_file: nine.yaml}", "accelerate.config_file", "no file 'nine.yaml'", "config"),
        (
            "{config_file: x.yaml, num_processes: 2}",
            "accelerate.num_processes",
            "stands beside it",
            "",
        ),
    ],
)
def test_a_mistake_is_named(write: Write, line: str, key: str, message: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        settings(write, line)
    problem = caught.value.problems[0]
    assert problem.key == key
    assert message in problem.message
    assert hint in problem.hint


def test_a_mistake_in_the_file_is_named_with_its_line(write: Write) -> None:
    text = WRITTEN.replace("num_machines:", "num_machine:")
    with pytest.raises(DefinitionError) as caught:
        settings(write, "{config_file: two.yaml}", **{"two.yaml": text})
    problem = caught.value.problems[0]
    assert problem.file is not None
    assert (problem.file.name, problem.line) == ("two.yaml", 17)
    assert "num_machines" in problem.hint
