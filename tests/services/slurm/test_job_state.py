"""What slurm.json makes of a launch; no Slurm is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.builders.home import T0
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.queue import SlurmRecord, SlurmSettings
from wgen_tui.protocol.record import write_record
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.runs import get_run
from wgen_tui.services.slurm.job_state import describe, is_live

if TYPE_CHECKING:
    from tests.builders.launch_files import LaunchFiles


def record(state: str, **values: Any) -> SlurmRecord:
    given = {"job_name": "wgen-x", "task": 3, "tasks": 8, "job_id": "12", "at": T0, **values}
    return SlurmRecord(state=state, **given)


@pytest.fixture
def launch(home: Home, files: LaunchFiles) -> str:
    """A launch of one run that goes to Slurm."""
    files.run("x-a-s0-1")
    name = files.launch("train", ["x-a-s0-1"])
    path = home.launch(name).spec
    spec = LaunchSpec.model_validate_json(path.read_bytes())
    write_record(path, spec.model_copy(update={"slurm": SlurmSettings()}))
    return name


def view(home: Home, name: str) -> LaunchView:
    return Launches(home).refresh([name])[name]


def say(home: Home, name: str, state: str, **values: Any) -> tuple[str, str]:
    """The run's state and why, when Slurm says that of the job."""
    write_record(home.launch(name).slurm, record(state, **values))
    run = get_run(home, "x-a-s0-1")
    return run.state, run.why


def test_a_job_that_waits(home: Home, launch: str) -> None:
    assert say(home, launch, "PENDING", reason="Resources") == (
        "queued",
        "Slurm: pending (Resources)",
    )
    assert say(home, launch, "SUBMITTING", job_id=None)[1] == "Slurm: is being submitted"
    why = say(home, launch, "PENDING", reason="BeginTime", requeues=2)[1]
    assert why == "Slurm: pending (BeginTime), requeued 2 times"


def test_a_job_that_has_a_node_but_no_worker_yet(home: Home, launch: str) -> None:
    assert say(home, launch, "RUNNING", node="n7") == ("starting", "Slurm: running on n7")


def test_a_worker_on_another_machine_lives(home: Home, files: LaunchFiles, launch: str) -> None:
    """No lock of it can be seen here."""
    files.started(launch)
    assert view(home, launch).state == "queued"  # without Slurm's word: lost, and tried again
    assert say(home, launch, "RUNNING")[0] == "starting"
    files.event(launch, "ready")
    files.event(launch, "run_started", run_id="x-a-s0-1")
    assert say(home, launch, "RUNNING")[0] == "running"
    assert say(home, launch, "COMPLETING")[0] == "running"
    assert not view(home, launch).may_restart


@pytest.mark.parametrize("state", ["TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "FAILED", "GONE"])
def test_a_job_that_ended_without_a_word(
    home: Home, files: LaunchFiles, launch: str, state: str
) -> None:
    files.started(launch)
    assert say(home, launch, state)[0] == "queued"
    found = view(home, launch)
    assert found.may_restart  # a first failure is tried again
    assert found.retry is not None and found.retry.kind == "lost"


def test_one_that_never_reached_its_worker_is_lost_and_not_waiting(home: Home, launch: str) -> None:
    say(home, launch, "FAILED", reason="line 4: module: command not found")
    retry = view(home, launch).retry
    assert retry is not None and retry.failures == 1


def test_scancel_is_an_end(home: Home, files: LaunchFiles, launch: str) -> None:
    files.started(launch)
    assert say(home, launch, "CANCELLED") == ("cancelled", "Slurm 12_3: the job was cancelled")
    assert view(home, launch).retry is None


def test_what_sbatch_refuses_has_failed(home: Home, launch: str) -> None:
    state, why = say(home, launch, "REFUSED", job_id=None, reason="Invalid qos specification.")
    assert (state, why) == ("failed", "Slurm: sbatch refused the job: Invalid qos specification.")


def test_saved_for_the_time_limit_and_about_to_be_requeued(
    home: Home, files: LaunchFiles, launch: str
) -> None:
    """The worker says cancelled, as for any SIGTERM; nobody has asked for that."""
    files.started(launch)
    files.done(launch, {"x-a-s0-1": "cancelled"}, "cancelled")
    assert say(home, launch, "RUNNING")[0] == "queued"
    assert not view(home, launch).may_restart  # the job does that itself
    assert say(home, launch, "TIMEOUT")[0] == "queued"
    assert view(home, launch).may_restart


def test_done_is_done_whatever_slurm_still_says(
    home: Home, files: LaunchFiles, launch: str
) -> None:
    files.started(launch)
    files.done(launch, {"x-a-s0-1": "finished"})
    for state in ("PENDING", "RUNNING", "FAILED"):
        write_record(home.launch(launch).slurm, record(state))
        assert view(home, launch).state == "finished"


def test_tasks_are_named_as_squeue_names_them() -> None:
    assert record("PENDING").task_id == "12_3"
    assert record("PENDING", task=0, tasks=1).task_id == "12"
    assert record("PENDING", job_id=None).task_id is None


def test_words_that_a_later_slurm_may_use_do_not_end_a_launch_quietly() -> None:
    odd = record("SOMETHING_NEW")
    assert not is_live(odd)
    assert describe(odd) == "Slurm 12_3: something_new"
