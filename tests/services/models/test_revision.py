"""A hub model is resolved to its commit once, and all runs of an experiment keep to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.definition import write_definition
from tests.builders.hub_cache import MODEL, NEW, OLD, HubCache, offline_cache
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.record import write_record
from wgen_tui.protocol.runs import ModelRef, RunSpec
from wgen_tui.services.models.model_files import model_folder
from wgen_tui.services.planning import preview
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.results.unlike_runs import revisions

MakeModel = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_model: MakeModel) -> HubCache:
    """Two commits of one model; `main` was the older when it was fetched."""
    made = offline_cache(tmp_path / "hub", monkeypatch)
    made.snapshot(OLD, make_model(tmp_path / "old", seed=0))
    made.snapshot(NEW, make_model(tmp_path / "new", seed=1))
    made.point("main", OLD)
    return made


@pytest.fixture
def definition(tmp_path: Path) -> str:
    return str(write_definition(tmp_path / "names", Path(MODEL)))


def commits(plan: Plan) -> set[str | None]:
    return {run.spec.model.commit for run in plan.runs}


def ids(plan: Plan) -> set[str]:
    return {run.spec.run_id for run in plan.runs}


def forget_commits(home: Home) -> None:
    """Make the runs such as were planned before commits were kept."""
    for path in home.runs.glob("*/spec.json"):
        spec = RunSpec.model_validate_json(path.read_bytes())
        loose = spec.model.model_copy(update={"commit": None})
        write_record(path, spec.model_copy(update={"model": loose}))
        assert "commit" not in path.read_text()


def test_a_plan_resolves_the_revision(home: Home, cache: HubCache, definition: str) -> None:
    plan = make_plan(home, definition)
    assert commits(plan) == {OLD}
    assert any(f"main is commit {OLD}" in warning for warning in plan.warnings)
    cache.point("v2", NEW)
    tagged = make_plan(home, definition, Options(models=[f"{MODEL}@v2"]))
    assert commits(tagged) == {NEW}
    exact = make_plan(home, definition, Options(models=[f"{MODEL}@{NEW}"]))
    assert commits(exact) == {NEW}


def test_the_commit_is_no_part_of_a_run_s_id(home: Home, cache: HubCache, definition: str) -> None:
    before = make_plan(home, definition)
    cache.point("main", NEW)
    after = make_plan(home, definition)
    assert ids(before) == ids(after)
    assert commits(after) == {NEW}


def test_what_follows_keeps_to_the_first_commit(
    home: Home, cache: HubCache, definition: str
) -> None:
    commit(home, make_plan(home, definition))
    cache.point("main", NEW)
    more = make_plan(home, definition, Options(seeds="0-7"))
    assert len(more.runs) > 5
    assert commits(more) == {OLD}
    (moved,) = [warning for warning in more.warnings if NEW in warning]
    assert f"stay at {OLD}" in moved
    assert f"--model {MODEL}@{NEW}" in moved
    assert preview.make_request(home, definition).model.commit == OLD


def test_a_commit_that_is_gone_is_named(home: Home, cache: HubCache, definition: str) -> None:
    commit(home, make_plan(home, definition))
    (cache.repo / "snapshots" / OLD).rename(cache.repo / "snapshots" / ("3" * 40))
    cache.point("main", NEW)
    with pytest.raises(UsageError, match=OLD) as refused:
        make_plan(home, definition)
    assert f"hf download {MODEL} --revision {OLD}" in refused.value.hint


def test_runs_from_before_stay_unpinned_and_are_named(
    home: Home, cache: HubCache, definition: str
) -> None:
    first = make_plan(home, definition)
    commit(home, first)
    slug = first.definition.slug
    assert not list(revisions(Compared(home, slug, None, None)))
    forget_commits(home)
    again = make_plan(home, definition)
    assert ids(again) == ids(first)
    assert commits(again) == {None}
    assert any("5 runs were planned before" in warning for warning in again.warnings)
    commit(home, make_plan(home, definition, Options(seeds="2")))
    (note,) = revisions(Compared(home, slug, None, None))
    assert "5 of 7 runs are unpinned" in note.text
    assert set(note.runs) == set(ids(first))
    (same,) = revisions(Compared(home, slug, ids(first), None))
    assert same.text == note.text.replace("5 of 7", "5 of 5")


def test_runs_at_several_commits_are_named_beside_the_results(
    home: Home, cache: HubCache, definition: str
) -> None:
    plan = make_plan(home, definition)
    commit(home, plan)
    path = home.run(plan.runs[0].spec.run_id).spec
    spec = RunSpec.model_validate_json(path.read_bytes())
    moved = spec.model.model_copy(update={"commit": NEW})
    write_record(path, spec.model_copy(update={"model": moved}))
    (note,) = revisions(Compared(home, plan.definition.slug, None, None))
    assert f"several commits: {OLD} (" in note.text
    assert f" and {NEW} (1 run: " in note.text
    assert any("several commits" in warning for warning in make_plan(home, definition).warnings)


def test_files_are_read_at_the_commit(cache: HubCache) -> None:
    ref = ModelRef(name=MODEL, location=MODEL)
    cache.point("main", NEW)
    assert model_folder(ref) == cache.repo / "snapshots" / NEW
    pinned = ref.model_copy(update={"commit": OLD})
    assert model_folder(pinned) == cache.repo / "snapshots" / OLD
