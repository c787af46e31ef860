"""Architectures of transformers, each built as small as it goes: what differs from a Llama's sizes.

Promises: nothing is downloaded; windows, chunks and experts are so small that prompts of a dozen
tokens pass them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from experiments.tiny_world import weights_path

DROPOUTS = (
    *("attention_dropout", "hidden_dropout", "residual_dropout", "dropout", "activation_dropout"),
    *("resid_pdrop", "embd_pdrop", "attn_pdrop"),
)
SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,  # so that activations are not all but zero
    "tie_word_embeddings": True,
    **dict.fromkeys(DROPOUTS, 0.0),  # two trainings that drop at random cannot be compared
}
HALF_SLIDING = {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]}
MOE = {
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 16,
}
GROUPED = {"n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
LATENT = {  # multi-head latent attention
    "kv_lora_rank": 8,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
}
OF_GPT2 = {"n_embd": 32, "n_head": 4, "n_layer": 2, "n_positions": 256}
MAMBA2 = {
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_d_state": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 4,
}
DELTA = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
ONLY_OWN = ("head_dim", "hidden_size", "num_hidden_layers", "num_attention_heads")
NOT_OF_GPT2 = (
    *ONLY_OWN,
    "max_position_embeddings",
    "num_key_value_heads",
    "intermediate_size",
)

# By model_type: what goes over SIZES, and (under "without") what of SIZES it does not take.
ARCHITECTURES: dict[str, dict[str, Any]] = {
    # Attention as in Llama, with rotary positions.
    "llama": {},
    "mistral": {"sliding_window": 8},
    "qwen2": {},
    "qwen3": {},
    "gemma": {},
    "gemma2": {"sliding_window": 8, "query_pre_attn_scalar": 8},
    "gemma3_text": {**HALF_SLIDING, "query_pre_attn_scalar": 8},
    "phi": {"without": ("head_dim",)},
    "phi3": {"sliding_window": None, "without": ("head_dim",)},
    "olmo": {},
    "olmo2": {},
    "olmo3": HALF_SLIDING,
    "granite": {},
    "cohere": {},
    "cohere2": HALF_SLIDING,
    "stablelm": {},
    "starcoder2": {"sliding_window": 8},
    "glm": {"partial_rotary_factor": 0.5},
    "glm4": {},
    "smollm3": {},
    "nemotron": {},
    "exaone4": HALF_SLIDING,
    "ernie4_5": {},
    "helium": {},
    "apertus": {},
    "seed_oss": {},
    "hunyuan_v1_dense": {},
    "gpt_neox": {"without": ("head_dim",)},
    "falcon": {"without": ("head_dim",)},
    # Learned positions, or biases on attention.
    "gpt2": {**OF_GPT2, "without": NOT_OF_GPT2},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, "without": ("head_dim",)},
    "gpt_bigcode": {**OF_GPT2, "without": NOT_OF_GPT2},
    "bloom": {
        "n_layer": 2,
        "n_head": 4,
        "without": ("head_dim", "num_hidden_layers", "num_attention_heads"),
    },
    "mpt": {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 256, "without": ONLY_OWN},
    # Mixtures of experts, latent attention.
    "mixtral": MOE,
    "qwen2_moe": {**MOE, "shared_expert_intermediate_size": 16},
    "qwen3_moe": MOE,
    "olmoe": MOE,
    "granitemoe": MOE,
    "phimoe": {**MOE, "router_jitter_noise": 0.0, "input_jitter_noise": 0.0},
    "gpt_oss": {**MOE, **HALF_SLIDING},
    "llama4_text": {
        **MOE,
        "attention_chunk_size": 16,
        "intermediate_size_mlp": 48,
        "num_hidden_layers": 4,
    },
    "deepseek_v2": {**MOE, **LATENT, **GROUPED, "topk_method": "greedy"},
    "deepseek_v3": {**MOE, **LATENT, **GROUPED},
    "glm4_moe": {**MOE, **GROUPED},
    "minicpm3": LATENT,
    # States that run on.
    "mamba": {"state_size": 4, "without": ("head_dim",)},
    "falcon_mamba": {"state_size": 4, "without": ("head_dim",)},
    "mamba2": {"state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2, "chunk_size": 4},
    "jamba": {
        "num_hidden_layers": 4,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
        "expert_layer_period": 2,
        "expert_layer_offset": 1,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "mamba_d_state": 4,
        "use_mamba_kernels": False,
        "without": ("head_dim",),
    },
    "zamba": {
        "num_hidden_layers": 6,
        "layers_block_type": ["mamba", "mamba", "hybrid"] * 2,
        "n_mamba_heads": 2,
        "mamba_d_state": 4,
        "use_mamba_kernels": False,
        "attention_head_dim": 16,
        "num_key_value_heads": 4,
        "without": ("head_dim",),
    },
    "zamba2": {
        "num_hidden_layers": 4,
        "layers_block_type": ["mamba", "hybrid"] * 2,
        "hybrid_layer_ids": [1, 3],
        "mamba_d_state": 8,
        "mamba_headdim": 8,
        "n_mamba_heads": 8,
        "mamba_ngroups": 1,
        "chunk_size": 4,
        "use_mamba_kernels": False,
        "num_key_value_heads": 4,
        "without": ("head_dim",),
    },
    "falcon_h1": {**MAMBA2, "mamba_d_ssm": 32, "mamba_n_heads": 4},
    "bamba": {**MAMBA2, "attn_layer_indices": [1], "without": ("head_dim",)},
    "granitemoehybrid": {
        **MAMBA2,
        "layer_types": ["mamba", "attention"],
        "num_local_experts": 0,
        "shared_intermediate_size": 48,
        "without": ("head_dim",),
    },
    "nemotron_h": {
        "layers_block_type": ["mamba", "attention", "mlp", "mamba"],
        "mamba_num_heads": 8,
        "mamba_head_dim": 8,
        "ssm_state_size": 8,
        "n_groups": 1,
        "chunk_size": 4,
        "use_mamba_kernels": False,
    },
    "qwen3_next": {**MOE, **DELTA, "shared_expert_intermediate_size": 16},
    "qwen3_5_text": DELTA,
    "olmo_hybrid": {"layer_types": ["linear_attention", "full_attention"]},
    "lfm2": {"layer_types": ["conv", "full_attention"], "block_multiple_of": 8},
    "recurrent_gemma": {"lru_width": 32, "attention_window_size": 8, "num_hidden_layers": 3},
    "rwkv": {"attention_hidden_size": 32, "without": ("head_dim",)},
    "xlstm": {
        "embedding_dim": 32,
        "num_heads": 4,
        "num_blocks": 2,
        "chunk_size": 4,
        "without": ("head_dim", "num_attention_heads", "num_hidden_layers"),
    },
    "minimax": {**MOE, "layer_types": ["linear_attention", "full_attention"], "block_size": 4},
}


def build(name: str, folder: Path, **more: Any) -> Path:
    """Write a model of an architecture with random weights and the embedded model's tokenizer.

    `more` goes over its configuration.
    """
    own = {**ARCHITECTURES[name], **more}
    without = own.pop("without", ())
    tokenizer = AutoTokenizer.from_pretrained(weights_path())
    sizes = {key: value for key, value in SIZES.items() if key not in without}
    config = AutoConfig.for_model(
        name,
        **{**sizes, **own},
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
