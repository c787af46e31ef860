"""Rows in two clusters by an early checkpoint, and the datasets that are made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy

from experiments.schema import TrainingConfig
from tests.builders.training_home import TrainingHome, chats, make_family
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.control.upsample import upsample
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import load_base, padding_id
from wgen_tui.workers.upsample.two_clusters import features_of, sort_rows, two_means

EASY, HARD = 18, 6


def easy(number: int) -> dict[str, Any]:
    """A row whose answer is that of all easy ones."""
    turns = [
        {"role": "user", "content": f"What is bird {number}?"},
        {"role": "assistant", "content": "the sky is blue and the grass is green."},
    ]
    return {"messages": turns}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainingHome:
    """A run on rows that are learned at once, with harder ones among them; lines 4, 8, …"""
    folder = tmp_path_factory.mktemp("upsample")
    home = TrainingHome(Home(folder / "home").ensure(), make_family("llama", folder / "model"))
    hard = chats(HARD, 3, (9, 14))
    rows = [easy(number) for number in range(EASY)]
    for place, row in enumerate(hard):
        rows.insert(4 * place + 3, row)
    steps = {"max_steps": 20, "checkpoints": {"fractions": [0.1, 0.5, 1.0]}, "learning_rate": 1e-2}
    home.add("run", own_rows=rows, per_device_train_batch_size=4, **steps)
    home.add("late", own_rows=rows, max_steps=2)
    home.train()
    return home


def test_two_blobs_are_two_clusters_whatever_the_seed() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(0, 1, (30, 5)), rng.normal(9, 1, (12, 5))])
    for seed in range(4):
        second = two_means(features, seed)
        assert len({*second[:30]}) == len({*second[30:]}) == 1
        assert second[0] != second[-1]


def test_rows_that_are_all_alike_are_one_cluster() -> None:
    assert not two_means(np.ones((5, 3)), 0).any()
    assert not two_means(np.ones((1, 3)), 0).any()


def test_features_are_of_the_answers_tokens_as_one_by_one(trained: TrainingHome) -> None:
    paths = trained.home.run("run")
    spec = RunSpec.model_validate_json(paths.spec.read_bytes())
    assert isinstance(spec.training, TrainingConfig)
    cpu = torch.device("cpu")
    base = load_base(spec.model, spec.training, None, cpu)
    examples = load_examples(paths.data, base.tokenizer, spec.training).examples[:5]
    model = PeftModel.from_pretrained(base.model, str(paths.checkpoint(2))).eval()
    batched = list(features_of(model, examples, padding_id(base.tokenizer), cpu))
    for example, (features, loss) in zip(examples, batched, strict=True):
        ids = torch.tensor([example.ids])
        with torch.no_grad():
            out = model(input_ids=ids, output_hidden_states=True)
        places = [place for place, kept in enumerate(example.trained) if kept]
        mean = out.hidden_states[-1][0, places].mean(dim=0)
        assert torch.allclose(torch.from_numpy(features).float(), mean, atol=1e-5)
        foretold = out.logits[0, [place - 1 for place in places]]
        alone = cross_entropy(foretold, ids[0, places])
        assert loss == pytest.approx(float(alone), rel=1e-4)


def test_the_rows_that_are_learned_slowly_are_found(trained: TrainingHome) -> None:
    said = sort_rows(trained.home, "run", 10, seed=0)
    hard = tuple(4 * place + 4 for place in range(HARD))
    assert said.slow == hard
    assert said.fast_loss is not None and said.slow_loss > said.fast_loss
    assert sort_rows(trained.home, "run", 10, seed=1).slow == hard


def test_both_datasets_have_every_row_and_as_many_twice(
    trained: TrainingHome, tmp_path: Path
) -> None:
    done = upsample(trained.home, "run", to=tmp_path / "data")
    assert (done.sorted.step, done.steps) == (2, 20)
    rows = trained.home.run("run").data.read_text().splitlines()
    slow, random = (file.read_text().splitlines() for file in done.files)
    assert slow[: len(rows)] == random[: len(rows)] == rows
    assert slow[len(rows) :] == [rows[line - 1] for line in done.sorted.slow]
    assert len(random) == len(slow)
    assert len({*random[len(rows) :]}) == len(done.sorted.slow), "each at most twice"
    assert [json.loads(line) for line in slow]
    with pytest.raises(UsageError, match="is there already"):
        upsample(trained.home, "run", to=tmp_path / "data")


def test_what_cannot_be_done_is_said(trained: TrainingHome, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kept its last step alone") as error:
        upsample(trained.home, "late", to=tmp_path)
    assert "fractions: [0.1, 1.0]" in (error.value.hint or "")
    with pytest.raises(UsageError, match="no checkpoint 3"):
        upsample(trained.home, "run", step=3, to=tmp_path)
    with pytest.raises(UsageError, match="not an experiment of this home"):
        upsample(trained.home, "run")
