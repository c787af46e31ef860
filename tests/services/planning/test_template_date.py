"""A chat template that asks the clock is told one day: the same in every plan and run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from experiments.schema import Definition
from tests.builders.definition import write_definition
from tests.builders.templates import END, LOOP
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.experiments import definitions
from wgen_tui.services.planning import preview
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.training_data.clock import Unfreezable, asks_clock, frozen, with_own_date

TURNS = LOOP + "<|{{ m.role }}|>{{ m.content }}<|end|>" + END
CLOCK = "<|system|>{{ strftime_now('%d %B %Y') }}<|end|>" + TURNS
FALLBACK = (
    '{% if strftime_now is defined %}{% set d = strftime_now("%d %b %Y") %}'
    "{% else %}{% set d = '26 Jul 2024' %}{% endif %}<|system|>{{ d }}<|end|>" + TURNS
)
DAY = date(2021, 3, 4)


def test_a_day_takes_the_clock_s_place() -> None:
    assert "'04 March 2021'" in frozen(CLOCK, DAY)
    assert not asks_clock(frozen(CLOCK, DAY))
    assert "'04 Mar 2021'" in frozen(FALLBACK, DAY)
    assert with_own_date(FALLBACK).startswith("{% if false %}")
    with pytest.raises(Unfreezable):
        frozen("{{ strftime_now(form) }}", DAY)


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[str], Path]:
    """`folder(text)`: a definition with this text at its end."""

    def write(text: str) -> Path:
        made = write_definition(tmp_path / "dated", Path("tiny-world"))
        (made / "t.jinja").write_text(CLOCK)
        (made / "f.jinja").write_text(FALLBACK)
        with (made / "experiment.yaml").open("a") as stream:
            stream.write(f"\n{text}\n")
        return made

    return write


def specs(plan: Plan) -> list[RunSpec]:
    return [run.spec for run in plan.runs]


def test_all_runs_are_told_the_day_of_the_first_plan(
    home: Home, folder: Callable[[str], Path]
) -> None:
    where = str(folder("chat_template: t.jinja"))
    first = make_plan(home, where, Options())
    today = datetime.now(UTC).date()
    told = {spec.template_date for spec in specs(first)}
    assert told <= {today.isoformat(), (today - timedelta(days=1)).isoformat()}
    assert len({spec.chat_template for spec in specs(first)}) == 1
    assert any("all runs are told" in warning for warning in first.warnings)
    commit(home, first)
    # Planned on another day: the runs that are there say which day it is.
    for path in home.runs.glob("*/spec.json"):
        spec = RunSpec.model_validate_json(path.read_bytes())
        text = frozen(CLOCK, DAY)
        dated = {"template_date": DAY.isoformat(), "chat_template": text}
        write_record(path, spec.model_copy(update=dated))
    again = make_plan(home, where, Options(seeds="7"))
    assert {spec.template_date for spec in specs(again)} == {DAY.isoformat()}
    assert {spec.chat_template for spec in specs(again)} == {frozen(CLOCK, DAY)}
    request = preview.make_request(home, where)
    assert request.chat_template == frozen(CLOCK, DAY)
    assert DAY.isoformat() in request.template_note


def test_the_definition_s_day_comes_first(home: Home, folder: Callable[[str], Path]) -> None:
    where = str(folder("chat_template: f.jinja\ntemplate_date: 2021-03-04"))
    plan = make_plan(home, where, Options())
    assert {spec.template_date for spec in specs(plan)} == {"2021-03-04"}
    assert "04 Mar 2021" in str(specs(plan)[0].chat_template)


def test_a_template_s_own_date_comes_before_today(
    home: Home, folder: Callable[[str], Path]
) -> None:
    where = str(folder("chat_template: f.jinja"))
    plan = make_plan(home, where, Options())
    assert {spec.template_date for spec in specs(plan)} == {None}
    assert {spec.chat_template for spec in specs(plan)} == {with_own_date(FALLBACK)}
    assert any("own date" in warning for warning in plan.warnings)
    commit(home, plan)
    ids = {spec.run_id for spec in specs(plan)}
    assert {spec.run_id for spec in specs(make_plan(home, where, Options()))} == ids


def test_runs_from_before_keep_their_ids(home: Home, folder: Callable[[str], Path]) -> None:
    where = str(folder("chat_template: t.jinja"))
    plan = make_plan(home, where, Options())
    commit(home, plan)
    for path in home.runs.glob("*/spec.json"):
        spec = RunSpec.model_validate_json(path.read_bytes())
        before = {"template_date": None, "chat_template": CLOCK}
        write_record(path, spec.model_copy(update=before))
    again = make_plan(home, where, Options())
    assert {spec.chat_template for spec in specs(again)} == {CLOCK}
    assert any("before its date was kept" in warning for warning in again.warnings)


def test_what_cannot_be_frozen_is_refused(home: Home, folder: Callable[[str], Path]) -> None:
    where = folder("chat_template: t.jinja")
    (where / "t.jinja").write_text("{% set f = '%d' %}{{ strftime_now(f) }}" + TURNS)
    with pytest.raises(UsageError, match="cannot be fixed to one date"):
        make_plan(home, str(where), Options())


def test_a_date_that_nothing_asks_for_is_said(home: Home, folder: Callable[[str], Path]) -> None:
    where = str(folder("template_date: 2021-03-04"))
    found: Definition = definitions.load(home, where)
    assert found.template_date == DAY
    assert any("no effect" in warning for warning in make_plan(home, where, Options()).warnings)
