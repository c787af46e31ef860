"""Rows in two clusters by an early checkpoint, and the rows that stand twice because of them."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy

from experiments.schema import TrainingConfig
from tests.builders.training_home import TrainingHome, chats, make_family
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import Parent, UpsampledRows, UpsampleSpec
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.workers.arms import two_clusters
from wgen_tui.workers.arms.two_clusters import features_of, two_means
from wgen_tui.workers.data import load_examples
from wgen_tui.workers.models import load_base, padding_id

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


def test_features_are_of_the_answers_tokens_as_one_by_one(
    trained: TrainingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(two_clusters, "TOKENS", 60)  # some passes have one row, others several
    paths = trained.home.run("run")
    spec = RunSpec.model_validate_json(paths.spec.read_bytes())
    assert isinstance(spec.training, TrainingConfig)
    cpu = torch.device("cpu")
    base = load_base(spec.model, spec.training, None, cpu)
    examples = load_examples(paths.data, base.tokenizer, spec.training).examples[:5]
    model = PeftModel.from_pretrained(base.model, str(paths.checkpoint(2))).eval()
    assert {len(batch) for batch in two_clusters._passes(examples)} > {1}
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


def add_again(field: TrainingHome, name: str, **told: Any) -> None:
    """A run of the same rows, some of which stand twice."""
    rows = [json.loads(line) for line in field.home.run("run").data.read_text().splitlines()]
    paths = field.add(name, own_rows=rows, max_steps=2, per_device_train_batch_size=4)
    spec = RunSpec.model_validate_json(paths.spec.read_bytes())
    upsample = UpsampleSpec(
        first=Parent(run_id="run", arm="run", step=10),
        given=len(rows),
        sha256=sha256(paths.data.read_bytes()).hexdigest(),
        seed=0,
        **told,
    )
    write_record(paths.spec, spec.model_copy(update={"upsample": upsample}))


HARD_LINES = [4 * place + 4 for place in range(HARD)]


def test_the_rows_that_are_learned_slowly_stand_twice(trained: TrainingHome) -> None:
    given = trained.home.run("run").data.read_text().splitlines()
    add_again(trained, "useful", by="useful")
    add_again(trained, "random", by="random")
    worker = trained.train("useful", "random")
    assert [end.outcome for end in worker.outcomes.values()] == ["finished", "finished"]
    found = {}
    for name in ("useful", "random"):
        paths = trained.home.run(name)
        rows = paths.data.read_text().splitlines()
        record = UpsampledRows.model_validate_json(paths.upsampled.read_bytes())
        assert rows[: len(given)] == given
        assert rows[len(given) :] == [given[line - 1] for line in record.twice]
        assert record.rows == len(given) + HARD
        found[name] = list(record.twice)
        (cluster,) = record.clusters
        assert cluster.fast_loss is not None
        assert cluster.slow_loss > cluster.fast_loss
    assert found["useful"] == HARD_LINES
    assert found["random"] != HARD_LINES
    assert len({*found["random"]}) == HARD, "each at most twice"


def test_what_was_stopped_between_rows_and_record_finds_the_same(trained: TrainingHome) -> None:
    add_again(trained, "stopped", by="useful")
    trained.train("stopped")
    paths = trained.home.run("stopped")
    data = paths.data.read_bytes()
    paths.upsampled.unlink()
    shutil.rmtree(paths.checkpoints)
    trained.train("stopped")
    assert paths.data.read_bytes() == data
    assert paths.upsampled.exists()
    paths.upsampled.unlink()
    shutil.rmtree(paths.checkpoints)
    paths.data.write_bytes(data[5:])
    assert trained.train("stopped").outcomes["stopped"].title == "Changed data"


def test_classes_are_parted_by_themselves(trained: TrainingHome) -> None:
    classes = [json.dumps("ab"[place % 2]) + "\n" for place in range(EASY + HARD)]
    data = "".join(classes).encode()
    told = {"class_field": "topic", "classes_sha256": sha256(data).hexdigest()}
    add_again(trained, "classes", by="random", **told)
    trained.home.run("classes").classes.write_bytes(data)
    trained.train("classes")
    record = UpsampledRows.model_validate_json(trained.home.run("classes").upsampled.read_bytes())
    # All hard lines are of one class, at even places; of the other nothing may part so.
    by_name = {cluster.name: cluster for cluster in record.clusters}
    assert {name: one.rows for name, one in by_name.items()} == {"a": 12, "b": 12}
    assert by_name["b"].slow == HARD
    evens = [line for line in record.twice if line % 2 == 0]
    assert len(evens) == HARD
    assert len(record.twice) - HARD == by_name["a"].slow
