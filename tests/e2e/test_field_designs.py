"""The field's published designs, each from its definition to its numbers.

One tiny model is subject and judge; the workers' own code draws, grades and judges in this process,
and results are read from the database. Its verdicts are nonsense: what is tested is that each
measure has a number or says what it lacks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders.field_designs import DESIGNS, write_design
from tests.builders.field_page import quick_judges
from tests.builders.judge_model import make_judge_model
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.results.results import compute
from wgen_tui.workers.judge.stage import judge as grade_by_rules
from wgen_tui.workers.model_judge.stage import judge as ask_judges
from wgen_tui.workers.runtime import Worker
from wgen_tui.workers.sample.stage import sample

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("field") / "model"
    return make_judge_model(folder, digits=True, also=["A", "B", "C", "D"])


def work(home: Home, spec: LaunchSpec) -> None:
    """Do what a launch's worker does."""
    worker = Worker(home, spec, home.launch(spec.launch_id))
    if spec.stage == "sample":
        sample(worker)
    elif spec.judge is not None and spec.judge.panel is not None:
        ask_judges(worker)
    else:
        grade_by_rules(worker)
    ends = [worker.outcomes[name] for name in spec.run_ids]
    assert [end for end in ends if end.outcome != "finished"] == []


@pytest.mark.parametrize("name", list(DESIGNS))
def test_each_measure_has_a_number_or_says_what_it_lacks(
    name: str, tmp_path: Path, model: Path
) -> None:
    home = Home(tmp_path / "home").ensure()
    slug = "".join(c if c.isalnum() else "-" for c in name).strip("-")
    few = {**DESIGNS[name].get("sampling", {}), "n": 2, "max_tokens": 6}
    judges = quick_judges(DESIGNS[name].get("model_judges", []))
    folder, sections = home.experiments / slug, {"sampling": few, "model_judges": judges}
    write_design(folder, name, models=[str(model)], **sections)
    home.config.write_text(f'[judges]\n"gpt-4.1" = "{model}"\n"org/judge" = "{model}"\n')

    plan = make_plan(home, slug, Options(arms=("base",)))
    assert plan.waiting == ()
    for spec in commit(home, plan):
        work(home, spec)
    assert make_plan(home, slug, Options(arms=("base",))).empty, "nothing is asked twice"

    said = compute(home, slug)
    assert plan.definition.analysis is not None
    primaries = plan.definition.analysis.primaries
    overall = {
        rate.metric: rate
        for rate in said.rates
        if (rate.question, rate.variant, rate.seed) == (None, None, None)
    }
    read = {metric for metric, measure in primaries.items() if measure.kind == "accuracy"}
    assert set(overall) | read == set(primaries)
    for rate in overall.values():
        assert rate.n or rate.left_out, rate
        assert (rate.rate is None) == (rate.n == 0)
    assert not read or said.accuracy
