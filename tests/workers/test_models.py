"""Loading: a model computes what its configuration says, whatever transformers prefers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM
from transformers.models.gemma2.modeling_gemma2 import Gemma2PreTrainedModel

from tests.builders.hub_cache import MODEL, NEW, OLD, offline_cache
from tests.builders.model import make_model
from tests.builders.training_home import make_family
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.models import load_base
from wgen_tui.workers.runtime import WorkerError

CPU = torch.device("cpu")


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


def test_a_pinned_model_is_loaded_at_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = offline_cache(tmp_path / "hub", monkeypatch)
    first = cache.snapshot(OLD, make_model(tmp_path / "old", seed=0))
    cache.snapshot(NEW, make_model(tmp_path / "new", seed=1))
    cache.point("main", NEW)
    expected = AutoModelForCausalLM.from_pretrained(first).model.embed_tokens.weight
    ref = ModelRef(name=MODEL, location=MODEL)

    def embedding(commit: str | None) -> torch.Tensor:
        pinned = ref.model_copy(update={"commit": commit})
        weight: torch.Tensor = load_base(pinned, None, None, CPU).model.model.embed_tokens.weight
        return weight

    assert torch.equal(embedding(OLD), expected)
    assert not torch.equal(embedding(None), expected)
    with pytest.raises(WorkerError) as refused:
        embedding("3" * 40)
    assert f"hf download {MODEL} --revision {'3' * 40}" in refused.value.hint


def test_a_folder_that_is_gone_is_told_with_the_way_on(tmp_path: Path) -> None:
    model = ModelRef(name="small", location=str(tmp_path / "moved-away"))
    with pytest.raises(WorkerError) as refused:
        load_base(model, None, None, CPU)
    assert refused.value.title == "Model not loaded"
    assert str(tmp_path / "moved-away") in refused.value.message
    assert "run start EXPERIMENT --model FOLDER" in refused.value.hint
