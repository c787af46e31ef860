"""Sampling off one base: the same draws however they are batched, stopped, or gone on with."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.builders.sampling import (
    BASE,
    TEXTS,
    add_base,
    completions,
    make_stage,
    read_parts,
    sample_launch,
    sample_runs,
    samples_of,
)
from tests.builders.training_home import TrainingHome
from tests.builders.waiting import until
from tests.builders.worker_process import WorkerProcess
from wgen_tui.protocol.launches import DoneRecord, DrawnOtherwise
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.engine import engine as engines

RUNS = ("a", "b", "c")


def trained(field: TrainingHome) -> TrainingHome:
    """Three runs of their own rank, two checkpoints each, and the base."""
    for seed, run_id in enumerate(RUNS):
        field.add(
            run_id,
            seed=seed,
            rows=6,
            max_steps=6,
            learning_rate=1e-2,
            lora={"r": 2**seed, "lora_alpha": 4},
            checkpoints={"every": 3},
        )
    add_base(field)
    field.train()
    return field


@pytest.fixture
def field(make_field: Callable[..., TrainingHome]) -> TrainingHome:
    return trained(make_field("llama"))


def everything(field: TrainingHome) -> dict[int, str]:
    return {key: text for run in (BASE, *RUNS) for key, text in completions(field, run).items()}


def engines_of(field: TrainingHome) -> set[str]:
    rows = [row for run in (BASE, *RUNS) for row in samples_of(field, run).values()]
    return {row["engine"].rpartition(" / ")[2] for row in rows}


def test_one_launch_draws_from_everything(field: TrainingHome) -> None:
    worker = sample_runs(field, make_stage(2, checkpoints="all"))
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert engines_of(field) == {"stacked 7"}
    for run_id in RUNS:
        rows = samples_of(field, run_id).values()
        assert {row["step"] for row in rows} == {3, 6}
        assert len(rows) == 2 * len(TEXTS) * 2
    last = {}
    for line in worker.paths.events.read_text().splitlines():
        event = json.loads(line)
        if event["kind"] == "progress":
            last[event["run_id"]] = (event["done"], event["total"])
    assert last == {BASE: (6, 6), **dict.fromkeys(RUNS, (12, 12))}


@pytest.mark.parametrize("by", ["question", "variant"])
def test_a_question_or_variant_drawn_otherwise_changes_no_other(
    field: TrainingHome, by: str
) -> None:
    plain = make_stage(2, checkpoints="all")
    first = plain.prompts[0].model_copy(update={by: "own"})
    said = {"temperature": 0.0, "max_tokens": 2}
    own = {
        "question": {"sampling_by_question": {"own": plain.sampling.model_copy(update=said)}},
        "variant": {"by_variant": {"own": DrawnOtherwise(**said)}},
    }
    asked = plain.model_copy(update={"prompts": (first, *plain.prompts[1:]), **own[by]})
    sample_runs(field, asked)
    mixed = {run: samples_of(field, run) for run in (BASE, *RUNS)}
    for run in (BASE, *RUNS):
        shutil.rmtree(field.home.run(run).samples)
    sample_runs(field, plain)
    for run, rows in mixed.items():
        alone = samples_of(field, run)
        shared = {key: row["completion"] for key, row in rows.items() if row[by] != "own"}
        assert shared == {key: alone[key]["completion"] for key in shared}
        others = [row for row in rows.values() if row[by] == "own"]
        assert len(others) == (2 if run == BASE else 4)
        assert all(row["tokens"] <= 2 for row in others)
        assert all(json.loads(row["sampling"])["temperature"] == 0 for row in others)
        by_step = {(row["step"], row["completion"]) for row in others}
        assert len(by_step) == len({step for step, _ in by_step}), "greedy: one answer"


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_batches_change_nothing(
    make_field: Callable[..., TrainingHome], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stage = make_stage(3, checkpoints="all", max_tokens=10)
    field = trained(make_field(name))
    sample_runs(field, stage)
    stacked = everything(field)
    assert engines_of(field) == {"stacked 7"}

    for rows in (1, 7):
        monkeypatch.setattr(engines, "rows_that_fit", lambda *_, rows=rows: rows)
        for run in (BASE, *RUNS):
            shutil.rmtree(field.home.run(run).samples)
            sample_runs(field, stage, run)  # one run at a time
        assert everything(field) == stacked
        assert "alone" in engines_of(field)


def test_checkpoints_come_in_waves_when_room_is_short(
    field: TrainingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wgen_tui.workers.sample import sampler

    stage = make_stage(2, checkpoints="all")
    sample_runs(field, stage)
    together = everything(field)
    monkeypatch.setattr(sampler, "SAMPLED_ADAPTERS_SHARE", 1e-9)
    for run in (BASE, *RUNS):
        shutil.rmtree(field.home.run(run).samples)
    worker = sample_runs(field, stage)
    assert {outcome.outcome for outcome in worker.outcomes.values()} == {"finished"}
    assert everything(field) == together
    assert engines_of(field) == {"alone"}


def test_more_draws_leave_the_first_as_they_were(field: TrainingHome) -> None:
    sample_runs(field, make_stage(2))
    before = everything(field)
    sample_runs(field, make_stage(4))
    after = everything(field)
    assert len(after) == 2 * len(before)
    assert before.items() <= after.items()
    worker = sample_runs(field, make_stage(4))
    assert everything(field) == after
    assert {o.outcome for o in worker.outcomes.values()} == {"finished"}


def test_greedy_tokens_are_those_of_stock_generate(field: TrainingHome) -> None:
    sample_runs(field, make_stage(1, temperature=0))
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    for run_id in RUNS:
        model = AutoModelForCausalLM.from_pretrained(field.model, dtype=torch.float32)
        model = PeftModel.from_pretrained(model, field.home.run(run_id).checkpoint(6)).eval()
        expected = []
        for text in TEXTS:
            chat = [{"role": "user", "content": text}]
            ids = tokenizer.apply_chat_template(
                chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
            out = model.generate(**ids, max_new_tokens=12, do_sample=False)
            ids = out[0, ids["input_ids"].size(1) :]
            expected.append(tokenizer.decode(ids, skip_special_tokens=True))
        rows = sorted(samples_of(field, run_id).values(), key=lambda row: row["prompt_id"])
        assert sorted(row["completion"] for row in rows) == sorted(expected)


def test_a_stop_text_ends_an_answer(field: TrainingHome) -> None:
    sample_runs(field, make_stage(40, max_tokens=30), BASE)
    free = completions(field, BASE)
    letter = next(t for text in free.values() for t in text if t.isalpha() and t.isascii())
    sample_runs(field, make_stage(40, max_tokens=30, stop=[letter]), BASE)
    stopped = [row for key, row in samples_of(field, BASE).items() if key not in free]
    assert len(stopped) == 120
    assert not any(letter in row["completion"] for row in stopped)
    assert {row["finish_reason"] for row in stopped} <= {"stop", "length"}
    # The very draws, cut: the numbers drawn by do not depend on the stop text, but ids do.
    assert any(row["tokens"] < 30 and row["finish_reason"] == "stop" for row in stopped)


def test_tokens_are_stored_where_they_are_asked_for(field: TrainingHome) -> None:
    sample_runs(field, make_stage(3, logprobs=True), BASE, "a")
    tokenizer = AutoTokenizer.from_pretrained(field.model)
    for run_id in (BASE, "a"):
        kept = {row["sample_id"]: row for row in read_parts(field.home.run(run_id).tokens)}
        rows = samples_of(field, run_id)
        assert kept.keys() == rows.keys()
        for key, row in rows.items():
            ids, logs = kept[key]["token_ids"], kept[key]["logprobs"]
            assert len(ids) == len(logs) == row["tokens"]
            assert sum(logs) == pytest.approx(row["logprob"], abs=1e-4)
            assert tokenizer.decode(ids, skip_special_tokens=True) == row["completion"]
    sample_runs(field, make_stage(3), "b")
    assert not field.home.run("b").tokens.exists()


def test_what_stood_in_a_damaged_part_is_drawn_again(field: TrainingHome) -> None:
    sample_runs(field, make_stage(2), BASE)
    whole = completions(field, BASE)
    (part,) = field.home.run(BASE).samples.iterdir()
    part.write_bytes(part.read_bytes()[:-200])
    sample_runs(field, make_stage(2), BASE)
    part.unlink()
    assert completions(field, BASE) == whole


def test_out_of_memory_halves_the_rows(
    field: TrainingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model itself refuses more than four rows, as a full GPU would."""
    stage = make_stage(4)

    def refuse(module: torch.nn.Module, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        if len(kwargs["input_ids"]) > 4 and kwargs["input_ids"].size(1) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    def load(*arguments: object) -> object:
        base = loader(*arguments)
        base.model.register_forward_pre_hook(refuse, with_kwargs=True)
        return base

    from wgen_tui.workers.sample import stage as samples

    loader = samples.load_base
    monkeypatch.setattr(samples, "load_base", load)
    worker = sample_runs(field, stage)
    assert {o.outcome for o in worker.outcomes.values()} == {"finished"}
    assert any("out of memory: 3 draws at once" in note for note in field.notes(worker))
    assert len(everything(field)) == 4 * 4 * len(TEXTS)


def test_a_cancelled_run_stops_and_the_others_go_on(field: TrainingHome) -> None:
    worker = sample_launch(field, make_stage(3), BASE, *RUNS)
    (worker.paths.control / "cancel-b").touch()
    from wgen_tui.workers.sample.stage import sample

    sample(worker)
    found = {run: outcome.outcome for run, outcome in worker.outcomes.items()}
    assert found == {BASE: "finished", "a": "finished", "b": "cancelled", "c": "finished"}
    assert samples_of(field, "b") == {}


class Impatient(Worker):
    """Asks for a run to be cancelled once its first draws are made."""

    def progress(self, run_id: str, done: int, total: int, unit: str, **values: object) -> None:
        super().progress(run_id, done, total, unit, **values)
        if run_id == "b" and done > 2:
            (self.paths.control / "cancel-b").touch()


def test_a_run_cancelled_half_way_keeps_what_it_has(
    field: TrainingHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wgen_tui.workers.sample import sampler
    from wgen_tui.workers.sample import stage as samples

    monkeypatch.setattr(sampler, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(sampler, "MAX_ROWS", 8)
    monkeypatch.setattr(engines, "rows_that_fit", lambda *_: 8)
    stage = make_stage(6)
    made = sample_launch(field, stage, BASE, *RUNS)
    worker = Impatient(made.home, made.spec, made.paths)
    samples.sample(worker)
    assert worker.outcomes["b"].outcome == "cancelled"
    assert {worker.outcomes[run].outcome for run in (BASE, "a", "c")} == {"finished"}
    kept = samples_of(field, "b")
    assert 0 < len(kept) < 6 * len(TEXTS)
    sample_runs(field, stage)
    assert len(samples_of(field, "b")) == 6 * len(TEXTS)


def test_a_run_that_is_not_trained_fails_alone(field: TrainingHome) -> None:
    field.add("new")
    worker = sample_runs(field, make_stage(1), BASE, "new", "a")
    assert worker.outcomes["new"].title == "Not trained"
    assert {worker.outcomes[run].outcome for run in (BASE, "a")} == {"finished"}


def test_dora_is_sampled_by_itself(make_field: Callable[..., TrainingHome]) -> None:
    field = make_field("llama")
    field.add("plain", max_steps=4, learning_rate=1e-2)
    field.add("dora", max_steps=4, learning_rate=1e-2, lora={"r": 4, "use_dora": True})
    add_base(field)
    field.train()
    worker = sample_runs(field, make_stage(2))
    assert {o.outcome for o in worker.outcomes.values()} == {"finished"}, worker.outcomes
    assert any(
        "dora" in note and "by itself, with PEFT: it has use_dora" in note
        for note in field.notes(worker)
    )
    assert len(samples_of(field, "dora")) == 2 * len(TEXTS)


# A process of its own, stopped from outside.


def wait_for(what: Callable[[], bool], process: WorkerProcess) -> None:
    until(lambda: process.poll() is not None or what())
    assert process.poll() is None, "it ended too soon"


@pytest.mark.slow
def test_killed_and_started_again_it_draws_the_same(
    make_field: Callable[..., TrainingHome],
) -> None:
    stage = make_stage(700, checkpoints="all", max_tokens=24)
    field = trained(make_field("llama"))
    first = sample_launch(field, stage, BASE, *RUNS)
    process = WorkerProcess(first.home, first.spec)
    wait_for(lambda: any(field.home.run("a").samples.glob("part-*")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = everything(field)
    assert 0 < len(left) < 7 * 700 * len(TEXTS)

    few = make_stage(60, checkpoints="all", max_tokens=24)
    sample_runs(field, few)
    again = everything(field)
    assert left.items() <= again.items()

    for run in (BASE, *RUNS):
        shutil.rmtree(field.home.run(run).samples)
    sample_runs(field, few)
    whole = everything(field)
    assert len(whole) == 7 * 60 * len(TEXTS)
    assert whole.items() <= again.items()


def test_a_terminated_worker_keeps_what_is_drawn(field: TrainingHome) -> None:
    worker = sample_launch(field, make_stage(3000, max_tokens=24), BASE, *RUNS)
    process = WorkerProcess(worker.home, worker.spec)
    events = worker.paths.events

    def reported() -> int:
        lines = events.read_text().splitlines() if events.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith("}")]
        return max((row["done"] for row in rows if row["kind"] == "progress"), default=0)

    wait_for(lambda: reported() > 0, process)
    process.send_signal(signal.SIGTERM)
    process.wait()
    done = DoneRecord.model_validate_json(worker.paths.done.read_bytes())
    assert done.outcome == "cancelled"
    assert set(done.runs) == {BASE, *RUNS}
    kept = [len(samples_of(field, run)) for run in (BASE, *RUNS)]
    assert max(kept) >= reported() > 0
