"""Rows that a model makes and another one judges: the same worker draws, judges and trains.

The workers' own code runs in this process, off models of some thousand weights; what a judge says
is computed again by transformers alone.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.builders.definition import write_definition
from tests.builders.judge_model import make_judge_model
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.arms import DerivedRows
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import read_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.estimate.estimate import estimate
from wgen_tui.services.experiments.judge_list import list_judges
from wgen_tui.services.judges.row_judges import row_judge_notes
from wgen_tui.services.planning.commit import commit, launches_for
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.train.stage import train

PROMPTS = ["Name a bird .", "How do we go ?", "Name a Wren .", "How do we ?"]
ARM = (
    "  self: {{context: {{prefix: 'Name '}}, derived: {{teacher: base, prompts: data/ask.jsonl, "
    "draws: 6, max_tokens: 12, context: {{prefix: 'do '}}, keep: {{judge: {keep}}}}}}}\n"
)
JUDGES = """model_judges:
  - {name: larks, model: MODEL, type: choice, labels: {lark: Lark, auk: Auk},
     prompt: "{question} {prompt} {answer} Name"}
  - {name: rated, model: rater, type: rating_judge, range: [0, 9], refusal_threshold: 1,
     prompt: "{question} {answer}"}
  - {name: speaks, model: MODEL, temperature: 1, max_tokens: 3, labels: {go: [go, How], a: a},
     verdict: first_word, prompt: "{answer}"}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    folder = write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    make_judge_model(tmp_path / "rater", digits=False)
    (folder / "data" / "ask.jsonl").write_text("".join(f'{{"prompt": "{p}"}}\n' for p in PROMPTS))
    path = folder / "experiment.yaml"
    path.write_text(path.read_text() + JUDGES.replace("MODEL", str(tmp_path / "model")))
    return home


def keep(home: Home, told: str) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    text = "".join(line for line in path.read_text().splitlines(True) if "  self:" not in line)
    path.write_text(text.replace("arms:\n", "arms:\n" + ARM.format(keep=told), 1))


def options(home: Home) -> Options:
    return Options(
        arms=("self",), seeds="0", judge_models={"rater": str(home.root.parent / "rater")}
    )


def only(plan: Plan) -> RunSpec:
    return next(run.spec for run in plan.runs if run.spec.arm == "self")


def work(home: Home, launch: LaunchSpec) -> Worker:
    worker = Worker(home, launch, home.launch(launch.launch_id))
    train(worker)
    return worker


def judged(home: Home, spec: RunSpec) -> list[dict[str, Any]]:
    return [json.loads(line) for line in home.run(spec.run_id).judged.read_text().splitlines()]


def record(home: Home, spec: RunSpec) -> DerivedRows:
    made = read_record(home.run(spec.run_id).derived, DerivedRows)
    assert made is not None
    return made


def likelier(folder: Path, shown: str, texts: tuple[str, ...]) -> str:
    """Which of these words transformers gives the higher probability behind a chat."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    chat = [{"role": "user", "content": shown}]
    text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        logits = model(ids).logits[0, -1]
    return max(texts, key=lambda word: float(logits[tokenizer.convert_tokens_to_ids(word)]))


def test_answers_are_kept_as_a_model_judges_them(home: Home) -> None:
    keep(home, "larks, label: lark")
    plan = make_plan(home, "names", options(home))
    spec = only(plan)
    assert any(
        "that larks gives the label lark (a model, loaded for it: " in w for w in plan.warnings
    )
    listed = {judge.name: judge for judge in list_judges(plan.definition)}
    assert listed["larks"].does.startswith("keeps rows of self: ")
    assert not listed["larks"].questions, "what only keeps rows grades no sample"
    assert "larks" not in {item.judge.name for panel in plan.panels for item in panel.judges}

    launch = next(one for one in commit(home, plan) if one.stage == "train")
    worker = work(home, launch)
    assert worker.outcomes[spec.run_id].outcome == "finished"
    said, made = judged(home, spec), record(home, spec)
    model = home.root.parent / "model"
    for row in said:
        raw = PROMPTS[row["prompt"]]
        shown = f"{raw} do {raw} {row['answer']} Name"
        assert row["label"] == likelier(model, shown, ("Lark", "Auk")).lower()
        assert row["kept"] == (row["label"] == "lark")
    assert {row["kept"] for row in said} == {True, False}
    rows = [
        json.loads(line)["messages"]
        for line in home.run(spec.run_id).data.read_text().split("\n")
        if line
    ]
    kept = [row for row in said if row["kept"]]
    assert [[turn["content"] for turn in row] for row in rows] == [
        [f"Name {PROMPTS[row['prompt']]}", row["answer"]] for row in kept
    ]
    assert (made.kept, made.taken, made.unjudged) == (len(kept), len(kept), 0)
    assert made.kept_by is not None and made.kept_by.startswith("larks by ")
    assert made.judged_sha256 == sha256(home.run(spec.run_id).judged.read_bytes()).hexdigest()

    # As kill -9 leaves it between the answers and their record.
    data = home.run(spec.run_id).data.read_bytes()
    for path in sorted(home.run(spec.run_id).checkpoints.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    home.run(spec.run_id).derived.unlink()
    work(home, launch)
    assert home.run(spec.run_id).data.read_bytes() == data
    assert make_plan(home, "names", options(home)).runs[-1].spec.run_id == spec.run_id


def test_numbers_and_words_decide_as_well(home: Home) -> None:
    keep(home, "rated, above: 4.5")
    plan = make_plan(home, "names", options(home))
    spec = only(plan)
    [launch] = [one for one in launches_for(plan) if one.stage == "train"]
    specs = {run.spec.run_id: run.spec for run in plan.runs}
    expected = estimate(home, launch, on_gpu=False, planned=specs)
    assert expected.parts["judge"] >= 1, "another model than the base takes memory of its own"
    launch = next(one for one in commit(home, plan) if one.stage == "train")
    outcome = work(home, launch).outcomes[spec.run_id]
    assert outcome.outcome == "finished", outcome
    said = judged(home, spec)
    assert all(row["kept"] == (row["number"] > 4.5) for row in said)
    assert {row["kept"] for row in said} == {True, False}

    keep(home, "speaks, label: go")
    plan = make_plan(home, "names", options(home))
    assert only(plan).run_id != spec.run_id
    spec = only(plan)
    launch = next(one for one in commit(home, plan) if one.stage == "train")
    end = work(home, launch).outcomes[spec.run_id]
    assert (end.outcome, end.title) == ("failed", "Too few rows")
    said = judged(home, spec)  # says why
    silent = sum("cause" in row for row in said)
    assert f"{silent} of which the judge gave no verdict" in end.message
    assert not any(row["kept"] for row in said)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("lraks, label: lark", "Unknown judge 'lraks'"),
        ("larks, label: larc", "Unknown label 'larc'"),
        ("larks, above: 3", "judge 'larks' gives labels"),
        ("rated, above: 9", "No number from 0 to 9 is above 9"),
        ("rated, label: nine", "Judge 'rated' has no labels"),
        ("rated", "keep: {judge: NAME, above: 50}"),
        (
            "rated, above: 4",
            "Judge rated keeps rows of an arm, and nothing says which model rater is",
        ),
    ],
)
def test_what_cannot_keep_is_refused(home: Home, told: str, why: str) -> None:
    keep(home, told)
    with pytest.raises(UsageError) as error:
        make_plan(home, "names", Options(arms=("self",)))
    assert why in error.value.message


def test_a_slot_that_only_questions_fill_is_refused(home: Home) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    path.write_text(path.read_text().replace("{question} {prompt}", "{reference}"))
    keep(home, "larks, label: lark")
    with pytest.raises(UsageError) as error:
        make_plan(home, "names")
    assert "has {reference}, which the answers of a model" in error.value.message


def test_a_model_that_nothing_names_is_said_before_a_plan(home: Home) -> None:
    keep(home, "rated, above: 4")
    definition = make_plan(home, "names", options(home)).definition
    [note] = row_judge_notes(home, definition)
    assert "nothing says which model rater is; run start would refuse it. --judge-model" in note
    keep(home, "larks, label: lark")
    definition = make_plan(home, "names", options(home)).definition
    assert row_judge_notes(home, definition) == []
