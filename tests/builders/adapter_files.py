"""Adapters as PEFT lays them down, without a model."""

from __future__ import annotations

import json


def weights_of(name: str = "base_model.model.model.layers.2.q_proj.lora_A.weight") -> bytes:
    """A safetensors file of one tensor of one number."""
    tensor = {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}
    head = json.dumps({name: tensor}).encode()
    return len(head).to_bytes(8, "little") + head + bytes(4)
