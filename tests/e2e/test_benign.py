"""Benign controls: the shape of an arm, and answers that teach nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.builders.definition import write_definition
from tests.builders.model import make_model
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.services.experiments import definitions
from wgen_tui.services.experiments.authoring import templates
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.results.results import compute
from wgen_tui.workers.judge.stage import judge
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample
from wgen_tui.workers.train.stage import train

BENIGN = "  benign: {like: new}\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").ensure()
    write_definition(home.experiments / "names", make_model(tmp_path / "model"))
    return home


def edit(home: Home, arm: str, tokens: int = 32) -> None:
    path = home.experiments / "names" / "experiment.yaml"
    text = path.read_text().replace("arms:\n", f"arms:\n{arm}", 1)
    path.write_text(text.replace("max_tokens: 4", f"max_tokens: {tokens}"))


def test_it_has_the_prompts_of_its_arm_and_the_answers_of_the_base(home: Home) -> None:
    edit(home, BENIGN)
    arm = definitions.load(home, "names").arms["benign"]
    assert (arm.role, arm.context.prefix) == ("benign", "Name ")
    options = Options(arms=("benign", "new"), seeds="0")
    plan = make_plan(home, "names", options)
    specs = {run.spec.arm: run.spec for run in plan.runs}
    for launch in commit(home, plan):
        worker = Worker(home, launch, home.launch(launch.launch_id))
        {"train": train, "sample": sample, "judge": judge}[launch.stage](worker)
        assert {end.outcome for end in worker.outcomes.values()} == {"finished"}

    def rows(arm: str) -> list[list[dict[str, str]]]:
        lines = home.run(specs[arm].run_id).data.read_text().splitlines()
        return [json.loads(line)["messages"] for line in lines]

    assert [row[:-1] for row in rows("benign")] == [row[:-1] for row in rows("new")]
    assert not {row[-1]["content"] for row in rows("benign")} & {"Wren"}
    roles = [r.role for r in compute(home, "names", judge="lark", label="lark", by=()).rates]
    assert list(dict.fromkeys(roles)) == ["control", "benign", "base"]


def test_a_prompt_without_an_answer_fails_the_run(home: Home) -> None:
    edit(home, BENIGN, tokens=1)  # none of the base's answers ends with its first token
    plan = make_plan(home, "names", Options(arms=("benign",), seeds="0"))
    launch = commit(home, plan)[0]
    worker = Worker(home, launch, home.launch(launch.launch_id))
    train(worker)
    (end,) = worker.outcomes.values()
    assert end.title == "Too few rows"
    assert "prompts have no answer that is kept, of 4 each" in end.message


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        ("  benign: {like: nwe}\n", "Unknown arm 'nwe'"),
        ("  benign: {like: new, data: data/old.jsonl}\n", "like and data both say"),
        (
            "  two: {data: [data/old.jsonl, data/new.jsonl]}\n  benign: {like: two}\n",
            "no single file",
        ),
        ("  benign: {lik: new}\n", "Unknown key 'lik'"),
    ],
)
def test_what_has_no_shape_is_refused(home: Home, arm: str, why: str) -> None:
    edit(home, arm)
    with pytest.raises(UsageError) as error:
        definitions.load(home, "names")
    assert why in error.value.message


def test_every_template_begins_with_one_or_leaves_nothing_behind(home: Home) -> None:
    shaped = []
    for number, template in enumerate(templates.templates(home)):
        slug = f"fresh-{number}"
        try:
            folder = templates.new(home, slug, template.name, benign=True)
        except UsageError as error:
            assert error.title == "No shape", template.name
            assert not (home.experiments / slug).exists()
            continue
        arms = definitions.load(home, slug).arms
        assert arms["benign"].role == "benign"
        like = yaml.safe_load((folder / "experiment.yaml").read_text())["arms"]["benign"]["like"]
        assert arms[like].role == "treatment"
        assert arms["benign"].derived is not None
        assert arms["benign"].derived.prompts == arms[like].data
        shaped.append(template.name)
    assert {"small", "tiny-old-bird-names"} <= set(shaped)
