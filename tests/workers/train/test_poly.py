"""Poly and MHR: one adapter for several arms, each a task; stock PEFT's files and numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from experiments.schema import PolyConfig, TrainingConfig
from tests.builders.sampling import add_base, make_stage, sample_runs, samples_of
from tests.builders.training_home import TrainingHome
from tests.builders.worker_process import WorkerProcess
from tests.workers.train.test_resume import wait_for_step
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import RunSpec, TaskSpec
from wgen_tui.workers.poly import Routes, poly_config, read_task
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.adapter_proof import distance
from wgen_tui.workers.train import joint_checkpoints
from wgen_tui.workers.train.joint import joint_groups
from wgen_tui.workers.train.stage import train

ARMS = ("a", "b")
TRAINING: dict[str, Any] = {
    "method": "poly",
    "poly": {"r": 2, "n_skills": 3},
    "max_steps": 8,
    "per_device_train_batch_size": 2,
    "learning_rate": 2e-2,
    "checkpoints": {"every": 4},
}
MHR = {"poly": {"r": 2, "n_skills": 3, "n_splits": 2}}
Make = Callable[..., TrainingHome]


def joined(field: TrainingHome, **more: Any) -> TrainingHome:
    """Two runs that are trained as one, on other examples each."""
    for seed, arm in enumerate(ARMS):
        field.add(arm, seed=seed, rows=5, **{**TRAINING, **more})
    join(field)
    add_base(field)
    return field


def join(field: TrainingHome) -> None:
    """Make all runs the tasks of one training, as the planning does."""
    specs = [read(field, name) for name in ARMS]
    for index, spec in enumerate(specs):
        task = TaskSpec(index=index, arms=ARMS, data=("0", "1"), rows=(5, 5), runs=ARMS)
        joint = spec.model_copy(update={"task": task, "seeds": specs[0].seeds})
        write_record(field.home.run(spec.run_id).spec, joint)


def read(field: TrainingHome, name: str) -> RunSpec:
    return RunSpec.model_validate_json(field.home.run(name).spec.read_bytes())


def outcomes(worker: Worker) -> dict[str, str]:
    return {name: outcome.outcome for name, outcome in worker.outcomes.items()}


def metrics(field: TrainingHome, name: str) -> dict[int, float]:
    lines = field.home.run(name).metrics.read_text().splitlines()
    return {row["step"]: row["loss"] for row in map(json.loads, lines)}


def apart(one: TrainingHome, other: TrainingHome, name: str = "a") -> float:
    """Norm of the difference of two adapters relative to the second."""
    mine, theirs = one.adapter(name), other.adapter(name)
    assert mine.keys() == theirs.keys()
    both = [torch.cat([t[key].flatten() for key in sorted(t)]) for t in (mine, theirs)]
    return float((both[0] - both[1]).norm() / both[1].norm())


def stock(
    field: TrainingHome, name: str, task: int, step: int = 8
) -> tuple[torch.Tensor, torch.Tensor]:
    """What stock PEFT says behind a checkpoint's probe; and what stands in the probe."""
    folder = field.home.run(name).checkpoint(step)
    probe = load_file(folder / "probe.safetensors")
    base = AutoModelForCausalLM.from_pretrained(field.model)
    model = PeftModel.from_pretrained(base, folder).eval()
    with torch.inference_mode():
        said = model(input_ids=probe["ids"][None], task_ids=torch.tensor([task])).logits[0, -1]
    return said[probe["index"]], probe["logits"]


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, family: Callable[[str], Path]
) -> TrainingHome:
    """Two arms, trained as one; not to be changed."""
    from wgen_tui.paths import Home

    field = joined(
        TrainingHome(Home(tmp_path_factory.mktemp("poly") / "home").ensure(), family("llama"))
    )
    assert outcomes(field.train()) == {"a": "finished", "b": "finished"}
    return field


def test_a_checkpoint_is_stock_peft_and_knows_its_task(trained: TrainingHome) -> None:
    for task, name in enumerate(ARMS):
        for step in (4, 8):
            said, written = stock(trained, name, task, step)
            assert torch.allclose(said, written, atol=1e-5)
        config = json.loads(
            (trained.home.run(name).checkpoint(8) / "adapter_config.json").read_text()
        )
        assert (config["peft_type"], config["n_tasks"], config["n_skills"]) == ("POLY", 2, 3)
        found = trained.manifest(name)["provenance"]
        assert found["engine"] == "joint"
        assert (found["task"], found["arms"]) == (task, ["a", "b"])
        assert found["mates"] == [other for other in ARMS if other != name]


def test_arms_share_the_adapter_and_differ_by_their_task(trained: TrainingHome) -> None:
    one, other = trained.adapter("a"), trained.adapter("b")
    assert all(torch.equal(one[key], other[key]) for key in one)
    own, _ = stock(trained, "a", 0)
    swapped, _ = stock(trained, "a", 1)
    assert distance(swapped, own) > 1e-3


def test_every_run_has_every_step(trained: TrainingHome) -> None:
    assert metrics(trained, "a") == metrics(trained, "b")
    assert list(metrics(trained, "a")) == list(range(1, 9))
    for name in ARMS:
        run = trained.home.run(name)
        assert {path.name for path in run.checkpoints.iterdir()} == {"step-4", "step-8"}
        assert not run.resume.exists()
    rows = [json.loads(line) for line in trained.home.run("a").metrics.read_text().splitlines()]
    assert rows[-1]["epoch"] == pytest.approx(8 / 5)  # ten examples in batches of two


@pytest.mark.parametrize("more", [{}, MHR], ids=["poly", "mhr"])
def test_a_task_is_a_plain_lora(make_field: Make, more: dict[str, Any]) -> None:
    """What the sampler puts on the base is what PEFT computes with task_ids."""
    field = joined(make_field(), **more)
    field.train()
    worker = sample_runs(field, make_stage(2, checkpoints="all"), "base", *ARMS)
    assert set(outcomes(worker).values()) == {"finished"}, worker.outcomes
    for task, name in enumerate(ARMS):
        said, written = stock(field, name, task)
        assert torch.allclose(said, written, atol=1e-5)
        rows = samples_of(field, name).values()
        assert {row["step"] for row in rows} == {4, 8}
        assert all("peft" in row["engine"] and "stacked" in row["engine"] for row in rows)
        adapter = read_task(field.home.run(name).checkpoint(8), task)
        assert (adapter.rank, adapter.scale) == (2, 0.5)


def test_another_task_is_not_proven(make_field: Make) -> None:
    """The proof of adapter fails a run that is sampled with its mate's task."""
    field = joined(make_field())
    field.train()
    spec = read(field, "a")
    assert spec.task is not None
    wrong = spec.model_copy(update={"task": spec.task.model_copy(update={"index": 1})})
    write_record(field.home.run("a").spec, wrong)
    worker = sample_runs(field, make_stage(1), "a")
    assert worker.outcomes["a"].title == "Not the trained adapter"


@pytest.mark.parametrize(
    "how", [{}, {"gradient_checkpointing": True}], ids=["plain", "checkpointed"]
)
def test_mhr_trains(make_field: Make, how: dict[str, Any]) -> None:
    field = joined(make_field(), **MHR, **how, max_steps=40)
    field.train()
    loss = list(metrics(field, "b").values())
    assert sum(loss[-5:]) < 0.85 * sum(loss[:5])  # an epoch is five steps
    shapes = {
        key.rpartition(".")[2]: tuple(tensor.shape) for key, tensor in field.adapter("a").items()
    }
    assert shapes["module_logits"] == (2, 2 * 3)
    assert shapes["poly_lora_A"][:2] == (2, 3)


def test_checkpointing_activations_changes_nothing(make_field: Make, trained: TrainingHome) -> None:
    field = joined(make_field(), gradient_checkpointing=True)
    field.train()
    assert apart(field, trained) < 1e-4


def stopped(field: TrainingHome, after: int, name: str = "b") -> Worker:
    """Train in this process; one run is cancelled as soon as a step is done."""
    worker = field.launch()
    progress = worker.progress

    def cancel_then(run_id: str, done: int, total: int, unit: str, **values: Any) -> None:
        progress(run_id, done, total, unit, **values)
        if done >= after:
            (worker.paths.control / f"cancel-{name}").touch()

    worker.progress = cancel_then  # type: ignore[method-assign]
    train(worker)
    return worker


def test_cancelling_one_stops_all_and_they_go_on_exactly(
    make_field: Make, trained: TrainingHome
) -> None:
    field = joined(make_field())
    worker = stopped(field, 5)
    assert outcomes(worker) == {"a": "cancelled", "b": "cancelled"}
    assert worker.outcomes["b"].message == "As asked."
    assert worker.outcomes["a"].message == "It is trained as one with b, which was cancelled."
    assert (field.home.run("a").resume / "step-5").is_dir()
    assert not field.home.run("b").resume.exists()
    again = field.train()
    assert set(outcomes(again).values()) == {"finished"}
    assert any("goes on from step 5 of 8" in note for note in field.notes(again))
    for name in ARMS:
        assert apart(field, trained, name) < 1e-6
        assert metrics(field, name) == pytest.approx(metrics(trained, name), rel=1e-4)


@pytest.mark.slow
def test_killed_again_and_again(make_field: Make) -> None:
    more = {"max_steps": 30, "checkpoints": {"every": 2}}
    field = joined(make_field(), **more)
    for step in (5, 11, 19):
        process = WorkerProcess(field.home, field.launch(*ARMS).spec)
        wait_for_step(field, process, step)
        process.kill()
        process.wait()
    assert set(outcomes(field.train()).values()) == {"finished"}
    calm = joined(make_field(home="calm"), **more)
    calm.train()
    for name in ARMS:
        assert apart(field, calm, name) < 1e-4
        steps = {path.name for path in field.home.run(name).checkpoints.iterdir()}
        assert steps == {f"step-{step}" for step in range(2, 31, 2)}
        assert set(metrics(field, name)) == set(range(1, 31))


@pytest.mark.parametrize("name", ["qwen3", "gemma2"])
def test_in_half_precision_it_is_proven(make_field: Make, name: str) -> None:
    field = joined(make_field(name), **MHR, precision="bf16")
    assert set(outcomes(field.train()).values()) == {"finished"}
    worker = sample_runs(field, make_stage(1), *ARMS)
    assert set(outcomes(worker).values()) == {"finished"}, worker.outcomes


def test_samples_are_drawn_while_it_trains(make_field: Make) -> None:
    """Each run's from its own task: what a sample launch draws later is the same text."""
    fields = [joined(make_field(home=home)) for home in ("during", "after")]
    stage = make_stage(2, checkpoints="all")
    worker = fields[0].launch(*ARMS)
    worker.spec = worker.spec.model_copy(update={"during": stage})
    train(worker)
    fields[1].train(*ARMS)
    sample_runs(fields[1], stage, *ARMS)
    assert apart(*fields) < 1e-6
    for name in ARMS:
        during, after = (samples_of(field, name) for field in fields)
        assert during.keys() == after.keys()
        assert len(during) == 2 * 2 * 3
        assert {k: row["completion"] for k, row in during.items()} == {
            k: row["completion"] for k, row in after.items()
        }


def test_one_that_lost_its_folder_takes_it_from_its_mate(
    make_field: Make, trained: TrainingHome
) -> None:
    field = joined(make_field())
    field.train()
    _begin_anew(field, "b")
    worker = field.train("b")
    assert outcomes(worker) == {"b": "finished"}
    assert any("copies step 4, 8 from another run" in note for note in field.notes(worker))
    assert field.manifest("b")["provenance"]["taken_from"] == "a"
    assert metrics(field, "b") == metrics(field, "a")
    assert apart(field, trained, "b") < 1e-6
    for step in (4, 8):
        said, written = stock(field, "b", 1, step)
        assert torch.allclose(said, written, atol=1e-5)
    # Its mate is as it was, and the base too: what is sampled is proven.
    assert set(outcomes(sample_runs(field, make_stage(1), *ARMS)).values()) == {"finished"}


def test_stopped_half_way_one_that_lost_its_folder_is_filled_up(
    make_field: Make, trained: TrainingHome
) -> None:
    field = joined(make_field())
    stopped(field, 5)
    _begin_anew(field, "b")
    worker = field.train()
    assert any("copies step 4 from another run" in note for note in field.notes(worker))
    assert {path.name for path in field.home.run("b").checkpoints.iterdir()} == {"step-4", "step-8"}
    assert list(metrics(field, "b")) == list(range(1, 9))
    assert apart(field, trained, "b") < 1e-6


def _begin_anew(field: TrainingHome, name: str) -> None:
    """What `run rm` and `run start` leave: the spec and the data."""
    run = field.home.run(name)
    for path in (run.checkpoints, run.resume):
        shutil.rmtree(path, ignore_errors=True)
    run.metrics.unlink()


def test_a_damaged_checkpoint_is_not_handed_on(make_field: Make) -> None:
    field = joined(make_field())
    field.train()
    _begin_anew(field, "b")
    weights = field.home.run("a").checkpoint(4) / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    worker = field.train("b")
    assert worker.outcomes["b"].title == "Damaged checkpoint"
    assert not joint_checkpoints.is_trained(field.home.run("b"))


def test_not_without_its_mates(make_field: Make) -> None:
    field = joined(make_field())
    worker = field.train("b")
    assert worker.outcomes["b"].title == "Runs are missing"
    assert "with a, which" in worker.outcomes["b"].message
    assert not field.home.run("b").checkpoints.exists()


def test_a_launch_may_have_both_kinds(make_field: Make, trained: TrainingHome) -> None:
    """A LoRA of the same launch is trained on the same base, before; neither touches the other."""
    field = joined(make_field())
    field.add("lora", seed=3, max_steps=4)
    assert set(outcomes(field.train()).values()) == {"finished"}
    assert apart(field, trained) < 1e-6
    own, joint = joint_groups([read(field, name) for name in ("b", "lora", "a")])
    assert [spec.run_id for spec in own] == ["lora"]
    assert [[spec.run_id for spec in group] for group in joint] == [["a", "b"]]


def _refused(model: Any, **poly: Any) -> WorkerError:
    training = TrainingConfig(method="poly", poly=PolyConfig(**poly), max_steps=1)
    with pytest.raises(WorkerError) as caught:
        poly_config(training, model, 2)
    return caught.value


def test_what_peft_cannot_do_is_named_before_the_base_is_touched(
    family: Callable[[str], Path],
) -> None:
    model = AutoModelForCausalLM.from_pretrained(family("llama"))
    names = [name for name, _ in model.named_modules()]
    error = _refused(model, n_splits=3)
    assert "model.layers.0.self_attn.q_proj (64 x 64) cannot be split into 3" in error.message
    assert "embed_tokens is no linear" in _refused(model, target_modules=["embed_tokens"]).message
    assert "no module" in _refused(model, target_modules="nothing").message
    assert [name for name, _ in model.named_modules()] == names


def test_several_processes_are_refused(make_field: Make) -> None:
    from wgen_tui.workers.train.joint import Joint

    field = joined(make_field())
    several = Accelerator()
    several.state.num_processes = 2
    try:
        with pytest.raises(WorkerError, match="one process, not by 2"):
            Joint(field.launch(), None, several, [read(field, "a")])  # type: ignore[arg-type]
    finally:
        several.state.num_processes = 1


def test_routes_give_every_row_its_task(trained: TrainingHome) -> None:
    """Hooks of our own say the same as PEFT's task_ids, and PEFT's win where both are."""
    folder = trained.home.run("a").checkpoint(8)
    model = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(trained.model), folder
    ).eval()
    ids = torch.tensor([[5, 6, 7], [5, 6, 7]])
    with torch.inference_mode():
        expected = model(input_ids=ids, task_ids=torch.tensor([1, 0])).logits
        routes = Routes(model)
        routes.tasks = [1, 0]
        assert torch.equal(model(input_ids=ids).logits, expected)
        routes.tasks = 1
        assert torch.equal(model(input_ids=ids).logits[1], expected[0])
        assert torch.equal(model(input_ids=ids, task_ids=torch.tensor([1, 0])).logits, expected)
