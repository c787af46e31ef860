"""What `accelerate:` in a definition may say: how training is spread over devices.

Promises: the names are those of accelerate's own configuration file, so one that `accelerate
config` wrote can be given as it is; an unknown key is an error, since accelerate would ignore it;
what this version cannot honour is refused with the reason; nothing here changes what is trained.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, PositiveInt, model_validator

from experiments.schema.base import Model

# Keys of `accelerate config` that say nothing here when they are empty or off.
IDLE = frozenset({"downcast_bf16", "tpu_env", "tpu_use_cluster", "tpu_use_sudo", "command_file"})
IDLE_VALUES: tuple[Any, ...] = ("no", "", False, None, [], {})
REFUSED = {
    "deepspeed_config": "DeepSpeed",
    "megatron_lm_config": "Megatron-LM",
    "parallelism_config": "tensor and context parallelism",
    "fp8_config": "fp8",
    "mpirun_config": "MPI",
}
Kind = Literal[
    "NO",
    "MULTI_CPU",
    "MULTI_GPU",
    "MULTI_XPU",
    "MULTI_NPU",
    "MULTI_MLU",
    "MULTI_MUSA",
    "MULTI_HPU",
    "FSDP",
]
INSTEAD = "here training is spread by DDP (MULTI_GPU, MULTI_CPU) or FSDP"


class FsdpConfig(Model):
    """How FSDP shards; names are accelerate's."""

    fsdp_version: Literal[2] = 2
    fsdp_sharding_strategy: str | int | None = None
    fsdp_reshard_after_forward: bool | str | None = None
    fsdp_auto_wrap_policy: str | None = "TRANSFORMER_BASED_WRAP"
    fsdp_transformer_layer_cls_to_wrap: str | None = None
    fsdp_min_num_params: int | None = None
    fsdp_backward_prefetch: str | None = None
    fsdp_forward_prefetch: bool | None = None
    fsdp_state_dict_type: str | None = None
    fsdp_offload_params: bool | None = None
    fsdp_use_orig_params: bool | None = None
    fsdp_sync_module_states: bool | None = None
    fsdp_activation_checkpointing: bool | None = None
    fsdp_activation_checkpointing_offload: bool | None = None
    # Every process loads the base: the adapter's first weights are drawn on real tensors.
    fsdp_cpu_ram_efficient_loading: Literal[False] = False

    @model_validator(mode="before")
    @classmethod
    def _reasons(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("fsdp_version", 2) != 2:
            raise ValueError("fsdp_version: adapters are sharded by FSDP 2; write 2")
        if isinstance(value, dict) and value.get("fsdp_cpu_ram_efficient_loading") is True:
            raise ValueError(
                "fsdp_cpu_ram_efficient_loading: true leaves all processes but one without the "
                "base, and the adapter's first weights are made in each; write false"
            )
        return value


class DynamoConfig(Model):
    """torch.compile; names are accelerate's."""

    dynamo_backend: str = "INDUCTOR"
    dynamo_mode: str | None = None
    dynamo_use_fullgraph: bool | None = None
    dynamo_use_dynamic: bool | None = None
    dynamo_use_regional_compilation: bool | None = None


class AccelerateConfig(Model):
    """How one training is spread over devices: `config_file`, or keys of such a file."""

    config_file: str | None = Field(
        default=None, description="written by `accelerate config`; read with the definition"
    )
    compute_environment: Literal["LOCAL_MACHINE"] = "LOCAL_MACHINE"
    distributed_type: Kind | None = Field(
        default=None, description="by default from num_processes and fsdp_config"
    )
    num_processes: PositiveInt = 1
    mixed_precision: Literal["no", "fp16", "bf16"] | None = Field(
        default=None, description="what training.precision says, or left out"
    )
    use_cpu: bool | None = None
    gpu_ids: str | None = None
    num_machines: int = 1
    machine_rank: int = 0
    main_process_ip: str | None = None
    main_process_port: int | None = None
    rdzv_backend: str | None = None
    same_network: bool | None = None
    main_training_function: str | None = None
    enable_cpu_affinity: bool | None = None
    debug: bool | None = None
    fsdp_config: FsdpConfig | None = None
    dynamo_config: DynamoConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        kept = {k: v for k, v in value.items() if not (k in IDLE and v in IDLE_VALUES)}
        for key, name in REFUSED.items():
            if kept.pop(key, None):
                raise ValueError(f"{key}: {name} is not supported; {INSTEAD}")
        if kept.get("distributed_type") in ("DEEPSPEED", "MEGATRON_LM", "XLA", "TP"):
            raise ValueError(f"distributed_type {kept['distributed_type']}: {INSTEAD}")
        for key in ("fsdp_config", "dynamo_config"):
            if not kept.get(key):
                kept.pop(key, None)
        if isinstance(gpu_ids := kept.get("gpu_ids"), int):
            kept["gpu_ids"] = str(gpu_ids)
        return kept

    @model_validator(mode="after")
    def _fits(self) -> AccelerateConfig:
        if self.num_machines != 1:
            raise ValueError("num_machines: a launch is on one machine; write 1")
        kind = "FSDP" if self.fsdp_config is not None else self.distributed_type
        if kind == "FSDP" and self.distributed_type not in (None, "FSDP"):
            raise ValueError(f"fsdp_config goes with FSDP, not with {self.distributed_type}")
        if kind not in ("NO", None) and self.num_processes < 2:
            raise ValueError(f"{kind} needs num_processes: 2 or more")
        if kind == "NO" and self.num_processes > 1:
            raise ValueError("distributed_type NO is one process; leave it out, or num_processes")
        return self

    def settings(self) -> dict[str, Any]:
        """What the launch asks of accelerate; empty for one process."""
        own = {"config_file", "mixed_precision"}
        if self.model_copy(update=dict.fromkeys(own)) == AccelerateConfig():
            return {}
        settings = self.model_dump(exclude_none=True, exclude=own)
        if self.fsdp_config is not None or self.distributed_type == "FSDP":
            shards = self.fsdp_config or FsdpConfig()
            settings["distributed_type"] = "FSDP"
            settings["fsdp_config"] = shards.model_dump(exclude_none=True)
        return settings
