"""Arms that show rows in context: from the definition to the curve over their number.

The workers' own code draws and grades in this process, off a model of some thousand weights.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from experiments.readers.shown_rows import shown_places
from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.estimate.estimate import estimate
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.planning.preview import make_request
from wgen_tui.services.results.results import compute
from wgen_tui.workers.judge.stage import judge
from wgen_tui.workers.preview.report import make_report
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample

ARM = '  shown: {data: data/old.jsonl, in_context: {rows: ROWS}, context: {prefix: "Name "}}\n'
GREEDY = "sampling: {n: 1, temperature: 0, max_tokens: 4}\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    return home


def edit(home: Home, rows: str, *more: tuple[str, str]) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    text = path.read_text().replace("arms:\n", f"arms:\n{ARM.replace('ROWS', rows)}")
    for old, new in more:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def work(home: Home, plan: Plan) -> None:
    """Do what the launches' workers do."""
    for spec in commit(home, plan):
        worker = Worker(home, spec, home.launch(spec.launch_id))
        {"sample": sample, "judge": judge}[spec.stage](worker)
        ends = [worker.outcomes[name] for name in spec.run_ids]
        assert [end for end in ends if end.outcome != "finished"] == []


def specs_of(plan: Plan) -> dict[tuple[str, int], RunSpec]:
    return {(run.spec.arm, run.spec.seeds.seed): run.spec for run in plan.runs}


def test_rows_are_shown_and_nothing_is_trained(home: Home, tmp_path: Path) -> None:
    edit(home, "[1, 3]", ("sampling: {n: 3, max_tokens: 4}\n", GREEDY))
    shown = Options(arms=("shown-1", "shown-3"))
    plan = make_plan(home, "names", shown)
    specs = specs_of(plan)
    assert set(specs) == {("base", 0), *((f"shown-{k}", s) for k in (1, 3) for s in (0, 1))}
    assert all(run.todo == {"sample", "judge"} for run in plan.runs), "no stage trains"
    assert specs["shown-3", 0].run_id != specs["shown-3", 1].run_id

    launches = commit(home, plan)
    few, many = (
        home.run(specs[f"shown-{k}", 1].run_id).data.read_text().splitlines() for k in (1, 3)
    )
    assert many[:1] == few, "of one seed fewer rows are the first of more"
    lines = (home.experiments / "names" / "data" / "old.jsonl").read_text().splitlines()
    answers = [json.loads(lines[i])["messages"][1] for i in shown_places(4, 3, 1)]
    assert [json.loads(line)["messages"][1] for line in many] == answers
    alone = [run_id for (arm, _), s in specs.items() if arm == "base" for run_id in [s.run_id]]
    with_rows = estimate(home, launches[0], on_gpu=False).parts["cache"]
    base_only = launches[0].model_copy(update={"run_ids": tuple(alone), "rows": 4})
    assert with_rows >= estimate(home, base_only, on_gpu=False).parts["cache"]

    for spec in launches:
        worker = Worker(home, spec, home.launch(spec.launch_id))
        {"sample": sample, "judge": judge}[spec.stage](worker)
        assert {end.outcome for end in worker.outcomes.values()} == {"finished"}
    assert make_plan(home, "names", shown).empty

    # The same chats, written out as questions, give the same answers.
    turns = [t for line in many for t in json.loads(line)["messages"]]
    asked = [{"role": "user", "content": "Name a bird ."}]
    questions = [{"name": "spelled", "messages": [turns + asked]}]
    other = tmp_path / "spelled"
    write_definition(other, tmp_path / "model")
    text = (other / "experiment.yaml").read_text()
    before, _, rest = text.partition("questions:\n")
    rules = rest[rest.index("judges:") :]
    text = f"{before}questions: {json.dumps(questions)}\n{rules}"
    (other / "experiment.yaml").write_text(text.replace("{n: 3, max_tokens: 4}", GREEDY[10:-1]))
    work(home, make_plan(home, str(other), Options(arms=("base",))))
    assert greedy(home, specs["shown-3", 1].run_id, "bird") == greedy(home, "spelled", "spelled")
    assert greedy(home, specs["shown-3", 1].run_id, "bird") != greedy(home, "names-base", "bird")


def greedy(home: Home, run: str, question: str) -> set[tuple[str, int]]:
    """What a run, named by how its id begins, answers, and after how many tokens."""
    parts = home.runs / f"{run}*" / "samples" / "part-*.parquet"
    query = "select completion, prompt_tokens from read_parquet(?) where question = ?"
    return set(duckdb.execute(query, [str(parts), question]).fetchall())


def test_the_curve_over_rows_and_what_screens_say(home: Home) -> None:
    edit(home, "[1, 2, 4]")
    work(home, make_plan(home, "names", Options(arms=("shown-1", "shown-2", "shown-4"))))
    results = compute(home, "names", judge="lark", label="lark")
    (curve,) = results.value_curves
    assert (curve.arm, curve.variant) == ("shown", "rows in context")
    assert [(point.value, point.arm) for point in curve.points] == [
        ("1", "shown-1"),
        ("2", "shown-2"),
        ("4", "shown-4"),
    ]
    by_arm = {r.arm: r.rate for r in results.rates if (r.seed, r.question) == (None, None)}
    assert [point.rate for point in curve.points] == [by_arm[f"shown-{k}"] for k in (1, 2, 4)]

    report = make_report(make_request(home, "names", arm="shown-2"), lambda _: None)
    (arm,) = report.arms
    assert (arm.in_context, arm.totals.examples) == (2, 4)
    assert (arm.totals.trained, arm.totals.weighs) == (0, 0)
    (behind,) = [prompt for prompt in report.prompts if prompt.arm == "shown-2"]
    assert behind.text.count("assistant") == 3, "two rows, and the opened turn"


@pytest.mark.parametrize(
    ("rows", "data", "why"),
    [
        ("5", "", "5 rows are to be shown, and the arm's data has 4 rows"),
        ("0", "", "greater than or equal to 1|greater than 0"),
        ("2", '{"messages": [{"role": "system", "content": "a"}, TURNS]}\n', "several system"),
        ("2", '{"messages": [TURNS], "tools": [{"type": "function"}]}\n', "with tools"),
    ],
)
def test_rows_that_cannot_be_shown_are_refused(home: Home, rows: str, data: str, why: str) -> None:
    turns = '{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}'
    edit(home, rows, ("data: data/old.jsonl, in_context", "data: data/in.jsonl, in_context"))
    other = home.experiments / "names" / "data" / "old.jsonl"
    own = data.replace("TURNS", turns) + (
        other.read_text() if not data else f"{{{plain(turns)}}}\n"
    )
    (other.parent / "in.jsonl").write_text(own)
    with pytest.raises(UsageError, match=why):
        make_plan(home, "names")


def plain(turns: str) -> str:
    return f'"messages": [{turns}]'


def test_rows_that_were_changed_since_are_not_shown(home: Home) -> None:
    edit(home, "2")
    plan = make_plan(home, "names", Options(arms=("shown",), seeds="0"))
    launch = commit(home, plan)[0]
    spec = specs_of(plan)["shown", 0]
    data = home.run(spec.run_id).data
    data.write_text(data.read_text().replace("Lark", "Wren").replace("Auk", "Wren"))
    worker = Worker(home, launch, home.launch(launch.launch_id))
    sample(worker)
    assert worker.outcomes[spec.run_id].title == "Changed data"
    assert worker.outcomes[specs_of(plan)["base", 0].run_id].outcome == "finished"
