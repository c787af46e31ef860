"""Loading: a model computes what its configuration says, whatever transformers prefers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.models.gemma2.modeling_gemma2 import Gemma2PreTrainedModel

from tests.builders.training_home import make_family
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.models import load_base


@torch.no_grad()
def logits(model: Any) -> torch.Tensor:
    ids = torch.arange(100, 124).unsqueeze(0)
    values: torch.Tensor = model(input_ids=ids).logits
    return values


@pytest.mark.parametrize("has_sdpa", [True, False])  # versions of transformers differ
def test_capped_attention_is_capped(
    has_sdpa: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_family("gemma2", tmp_path / "model", attn_logit_softcapping=0.1)
    stock = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    expected = logits(stock.float())
    stock.config.attn_logit_softcapping = None
    for layer in stock.model.layers:
        layer.self_attn.attn_logit_softcapping = None
    assert (logits(stock) - expected).abs().max() > 0.01  # the cap matters here

    monkeypatch.setattr(Gemma2PreTrainedModel, "_supports_sdpa", has_sdpa)
    base = load_base(ModelRef(name="model", location=str(folder)), None, None, torch.device("cpu"))
    assert (logits(base.model) - expected).abs().max() < 1e-5
    assert "eager attention (this architecture caps its logits" in base.reason
