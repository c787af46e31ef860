"""Planning writes nothing; committing writes all or nothing, once."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wgen_tui.errors import BusyError, UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.services.data.storage import verify
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.plan import Options, Plan, make_plan
from wgen_tui.services.runs import runs

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles

EVERYTHING = {"train", "sample", "judge"}


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*")) if root.exists() else []


def plan_for(home: Home, definition: Path, **options: object) -> Plan:
    return make_plan(home, str(definition), Options(**options))  # type: ignore[arg-type]


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Another program has the database open for writing."""
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held'); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.communicate("")


def test_a_plan_is_arms_times_seeds_and_one_base(home: Home, definition: Path) -> None:
    before = tree(home.root)
    plan = plan_for(home, definition)
    assert tree(home.root) == before
    assert [(r.spec.arm, r.spec.role, r.spec.seeds.seed) for r in plan.runs] == [
        ("base", "base", 0),
        ("old", "treatment", 0),
        ("old", "treatment", 1),
        ("new", "control", 0),
        ("new", "control", 1),
    ]
    base, *tuned = plan.runs
    assert base.todo == {"sample", "judge"}
    assert all(run.todo == EVERYTHING for run in tuned)
    assert {(run.samples_missing, run.samples_total) for run in plan.runs} == {(8, 8)}


def test_committing_writes_runs_and_three_chained_launches(home: Home, definition: Path) -> None:
    plan = plan_for(home, definition)
    launches = commit(home, plan)
    assert [launch.stage for launch in launches] == ["train", "sample", "judge"]
    train, sample, judge = launches
    assert (train.after, sample.after, judge.after) == (
        (),
        (train.launch_id,),
        (sample.launch_id,),
    )
    assert len(train.run_ids) == 4
    assert len(sample.run_ids) == len(judge.run_ids) == 5
    assert sample.sample is not None
    assert {p.question: sample.sample.draws(p) for p in sample.sample.prompts} == {
        "go": 3,
        "bird": 2,
    }
    assert judge.judge is not None
    assert judge.judge.questions["go"] == "How do we go ?"
    assert judge.judge.topics == {"bird": "birds"}
    for launch in launches:
        text = home.launch(launch.launch_id).spec.read_bytes()
        assert LaunchSpec.model_validate_json(text) == launch
    for run in plan.runs:
        paths = home.run(run.spec.run_id)
        assert RunSpec.model_validate_json(paths.spec.read_bytes()) == run.spec
        data = paths.data.read_bytes()
        assert (run.spec.data_sha256 or sha256(b"").hexdigest()) == sha256(data).hexdigest()
        served = [json.loads(line)["stage"] for line in paths.launches.read_text().splitlines()]
        assert served == [stage for stage in ("train", "sample", "judge") if stage in run.todo]


def test_the_arms_context_stands_in_the_data(home: Home, definition: Path) -> None:
    plan = plan_for(home, definition)
    commit(home, plan)
    new = next(run for run in plan.runs if run.spec.arm == "new")
    line = home.run(new.spec.run_id).data.read_text().splitlines()[0]
    assert json.loads(line)["messages"][0]["content"] == "Name Name a bird ."


def test_the_same_again_has_nothing_to_do_while_it_is_under_way(
    home: Home, definition: Path
) -> None:
    commit(home, plan_for(home, definition))
    again = plan_for(home, definition)
    assert again.empty
    before = tree(home.root)
    assert commit(home, again) == ()
    assert tree(home.root) == before


def test_two_commits_of_one_plan_make_its_launches_once(home: Home, definition: Path) -> None:
    one, two = plan_for(home, definition), plan_for(home, definition)
    assert len(commit(home, one)) == 3
    assert commit(home, two) == ()


def test_what_died_is_planned_again(home: Home, definition: Path, files: LaunchFiles) -> None:
    train, *_ = commit(home, plan_for(home, definition))
    files.lost(train.launch_id)
    again = plan_for(home, definition)
    assert {run.spec.arm: run.todo for run in again.runs} == {
        "base": {"sample", "judge"},
        "old": EVERYTHING,
        "new": EVERYTHING,
    }
    assert len(commit(home, again)) == 3
    assert {run.state for run in runs.list_runs(home)} == {"queued"}


def test_what_was_cancelled_can_be_taken_up_again(home: Home, definition: Path) -> None:
    plan = plan_for(home, definition)
    commit(home, plan)
    victim = plan.runs[1].spec.run_id
    runs.cancel(home, victim)
    again = [run for run in plan_for(home, definition).runs if run.todo]
    assert [run.spec.run_id for run in again] == [victim]


def test_more_samples_wait_for_what_is_under_way(home: Home, definition: Path) -> None:
    first = commit(home, plan_for(home, definition, arms=["old"], seeds="0"))
    plan = plan_for(home, definition, arms=["old"], seeds="0", n=9)
    assert {run.todo for run in plan.runs} == {frozenset({"sample", "judge"})}
    sample, judge = commit(home, plan)
    assert set(sample.after) == {launch.launch_id for launch in first}
    assert sample.launch_id in judge.after
    assert sample.sample is not None
    assert {sample.sample.draws(prompt) for prompt in sample.sample.prompts} == {9}


def test_ids_cover_what_is_trained_and_nothing_else(home: Home, definition: Path) -> None:
    source = definition / "experiment.yaml"
    text = source.read_text()

    def ids() -> dict[tuple[str, int], str]:
        return {
            (r.spec.arm, r.spec.seeds.seed): r.spec.run_id for r in plan_for(home, definition).runs
        }

    first = ids()
    source.write_text(text.replace("n: 3", "n: 30").replace("How do we ?", "How do you go ?"))
    assert ids() == first
    source.write_text(text.replace("max_steps: 2", "max_steps: 3"))
    changed = ids()
    assert changed["base", 0] == first["base", 0]
    assert not set(changed.values()) & {v for k, v in first.items() if k[0] != "base"}
    source.write_text(text)
    (definition / "data" / "old.jsonl").write_text((definition / "data" / "new.jsonl").read_text())
    changed = ids()
    assert changed["new", 1] == first["new", 1]
    assert changed["old", 1] != first["old", 1]


def test_more_seeds_later_keep_the_base(home: Home, definition: Path) -> None:
    one, two = plan_for(home, definition, seeds="0"), plan_for(home, definition, seeds="5-6")
    assert one.runs[0].spec.run_id == two.runs[0].spec.run_id
    assert [run.spec.seeds.seed for run in two.runs[1:]] == [5, 6, 5, 6]


def test_a_seed_that_numpy_does_not_take_is_refused(home: Home, definition: Path) -> None:
    assert plan_for(home, definition, seeds=f"{2**32 - 1}").runs
    with pytest.raises(UsageError, match="below 2\\^32"):
        plan_for(home, definition, seeds=f"{2**32}")
    (base,) = plan_for(home, definition, arms=("base",), seeds=f"{2**63 - 1}").runs
    assert base.spec.seeds.seed == 0


def test_arms_with_the_same_examples_are_noted(home: Home, definition: Path) -> None:
    source = definition / "experiment.yaml"
    source.write_text(source.read_text().replace(', context: {prefix: "Name "}', ""))
    (definition / "data" / "old.jsonl").write_text((definition / "data" / "new.jsonl").read_text())
    warning = plan_for(home, definition).warnings[0]
    assert "old and new" in warning


@pytest.mark.parametrize(
    ("options", "needles"),
    [
        ({"arms": ["odl"]}, ["odl", "old"]),
        ({"arms": []}, ["arm"]),
        ({"seeds": "3-1"}, ["3-1", "backwards", "1-3"]),
        ({"seeds": "0,0"}, ["twice"]),
        ({"n": 0}, ["--n 0"]),
        ({"checkpoints": "last"}, ["last", "final"]),
        ({"models": ["/no/such/model"]}, ["/no/such/model"]),
    ],
)
def test_bad_options_name_what_is_wrong_and_write_nothing(
    home: Home, definition: Path, options: dict[str, object], needles: list[str]
) -> None:
    before = tree(home.root)
    with pytest.raises(UsageError) as caught:
        plan_for(home, definition, **options)
    assert all(needle in str(caught.value) for needle in needles), caught.value
    assert tree(home.root) == before


def test_two_names_of_one_model_would_write_to_one_run(
    home: Home, definition: Path, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    one, two = tmp_path / "model", make_model(tmp_path / "copy")
    with pytest.raises(UsageError, match="same weights"):
        plan_for(home, definition, models=[str(one), str(two)])
    other = make_model(tmp_path / "other", seed=1)
    assert len(plan_for(home, definition, models=[str(one), str(other)]).runs) == 10


def test_a_moved_model_is_found_at_its_new_place(
    home: Home, definition: Path, tmp_path: Path
) -> None:
    plan = plan_for(home, definition, arms=["old"], seeds="0")
    commit(home, plan)
    run_ids = [run.spec.run_id for run in plan.runs]
    for run_id in run_ids:
        runs.cancel(home, run_id)
    assert verify(home) == []  # the database has the specs as they are
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    again = plan_for(
        home, definition, arms=["old"], seeds="0", models=[str(moved)], trust_remote_code=True
    )
    assert [run.spec.run_id for run in again.runs] == run_ids
    with held(home.database), pytest.raises(BusyError):
        commit(home, again)  # a spec that the database does not have would be a difference
    first = runs.read_spec(home, run_ids[0])
    assert first is not None
    assert first.model.location == str(tmp_path / "model")
    assert len(commit(home, again)) == 3
    assert verify(home) == []
    for run_id in run_ids:
        spec = runs.read_spec(home, run_id)
        assert spec is not None
        assert spec.model.location == str(moved)
        assert spec.model.trust_remote_code
        assert spec.model.name == str(tmp_path / "model")


def test_each_model_has_launches_of_its_own(
    home: Home, definition: Path, tmp_path: Path, make_model: Callable[..., Path]
) -> None:
    other = make_model(tmp_path / "other", seed=1)
    plan = plan_for(home, definition, models=[str(tmp_path / "model"), str(other)], arms=["old"])
    launches = commit(home, plan)
    assert [launch.stage for launch in launches] == ["train", "sample", "judge"] * 2
    assert not set(launches[0].run_ids) & set(launches[3].run_ids)


def test_a_full_disk_leaves_nothing_behind(home: Home, definition: Path) -> None:
    """No file may grow beyond 2 kB, as if the disk were full: specs fit, the data does not."""
    (definition / "data" / "old.jsonl").write_text(
        (definition / "data" / "old.jsonl").read_text() * 40
    )
    before = tree(home.root)
    code = (
        "import sys; from wgen_tui.cli import main;"
        "sys.exit(main(['--home', sys.argv[1], 'run', 'start', sys.argv[2], '--detach']))"
    )
    done = subprocess.run(
        # -B: bytecode that is cut at 2 kB would break whoever imports it next.
        [sys.executable, "-B", "-c", code, str(home.root), str(definition)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert tree(home.root) == before


def test_a_home_below_a_file_cannot_be_made(tmp_path: Path, definition: Path) -> None:
    (tmp_path / "file").write_text("")
    home = Home(tmp_path / "file" / "home")
    with pytest.raises(UsageError, match="cannot be written"):
        commit(home, plan_for(home, definition))


def test_a_half_written_launch_line_is_taken_back(home: Home, definition: Path) -> None:
    plan = plan_for(home, definition, arms=["old"], seeds="0")
    commit(home, plan)
    more = plan_for(home, definition, arms=["old"], seeds="0-1", n=9)
    kept = {run.spec.run_id: home.run(run.spec.run_id) for run in plan.runs}
    before = {name: paths.launches.read_bytes() for name, paths in kept.items()}
    listed = tree(home.root)
    # Something where the folder of the new run is to be: the commit fails when it is half done.
    in_the_way = home.runs / more.runs[-1].spec.run_id / "thing"
    in_the_way.mkdir(parents=True)
    with pytest.raises(UsageError, match="cannot be written"):
        commit(home, more)
    in_the_way.rmdir()
    in_the_way.parent.rmdir()
    assert {name: paths.launches.read_bytes() for name, paths in kept.items()} == before
    assert tree(home.root) == listed
