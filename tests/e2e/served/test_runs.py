"""The worker of served models: nothing is lost, nothing is asked for twice, no key is written."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from store.samples.filters import Filter
from store.samples.rows import SampleDetail
from tests.builders.scripted_server import Asked, Reply, Script, completion, failure, scripted
from wgen_tui.cli.main import main
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import DoneRecord, Event, LaunchSpec
from wgen_tui.services.data import ingest, storage
from wgen_tui.services.data.samples import detail, page, search
from wgen_tui.services.merge.merge import merge
from wgen_tui.services.planning.commit import commit
from wgen_tui.services.planning.endpoint_status import endpoint_warnings
from wgen_tui.services.planning.plan import Options, make_plan
from wgen_tui.services.runs import process, runs
from wgen_tui.services.supervisor import lifecycle
from wgen_tui.ui.state import samples

DRAWS = 8
KEY = "sk-planted-0123456789"
Configure = Callable[..., None]


def planned(home: Home, definition: Path) -> LaunchSpec:
    """The sample launch that the same `run start` would make now."""
    return commit(home, make_plan(home, str(definition), Options(arms=["base"])))[0]


def work(home: Home, spec: LaunchSpec) -> DoneRecord:
    """Be the supervisor: start the worker, wait for its end."""
    process.spawn(home, spec).wait()
    return DoneRecord.model_validate_json(home.launch(spec.launch_id).done.read_bytes())


def rows(home: Home, spec: LaunchSpec) -> list[dict[str, object]]:
    """All rows in the run's parts, repeated ones included."""
    parts = sorted(home.run(spec.run_ids[0]).samples.glob("part-*.parquet"))
    return [row for part in parts for row in pq.read_table(part).to_pylist()]


def notes(home: Home, spec: LaunchSpec) -> list[str]:
    lines = home.launch(spec.launch_id).events.read_text().splitlines()
    events = [Event.model_validate_json(line) for line in lines]
    return [event.message or "" for event in events if event.kind == "note"]


def test_every_draw_once_with_what_the_server_said(
    home: Home, configure: Configure, definition: Path
) -> None:
    with scripted(lambda asked: completion(f"bird {asked.number}")) as served:
        configure(served.url, concurrency=3, price_in=1000, price_out=2000)
        spec = planned(home, definition)
        done = work(home, spec)
    assert done.outcome == "finished"
    found = rows(home, spec)
    assert len({row["sample_id"] for row in found}) == len(found) == DRAWS
    assert {row["engine"] for row in found} == {f"aviary {served.url} / wren-1@main / fp_7"}
    assert {(row["prompt_tokens"], row["tokens"], row["logprob"]) for row in found} == {
        (7, 3, None)
    }
    assert sorted(row["draw_seed"] for row in found) == sorted(seed for _, seed in served.draws)  # type: ignore[type-var]
    assert len({seed for _, seed in served.draws}) == DRAWS
    assert all(0 <= seed < 2**31 for _, seed in served.draws)
    (note,) = notes(home, spec)
    assert "8 answers of aviary: 56 tokens in, 24 out, cost 0.104" in note
    assert not home.launch(spec.launch_id).accelerate.exists()
    # A question's own length goes to the server, and stands with its samples.
    sent = {(one.body["messages"][-1]["content"], one.body["max_tokens"]) for one in served.asked}
    assert sent == {("How do we go?", 4), ("How do we?", 4), ("Name a bird.", 9)}
    stored = {(row["question"], json.loads(str(row["sampling"]))["max_tokens"]) for row in found}
    assert stored == {("go", 4), ("bird", 9)}

    ingest.ingest_now(home)
    listing = search(home, Filter())
    assert len(listing) == DRAWS
    (first,) = page(home, listing, 0, 1)
    shown = detail(home, first.sample_id)
    assert shown.logprob is None
    assert shown.messages[-1]["role"] == "user"


def test_reasoning_is_kept_beside_the_answer(
    home: Home,
    configure: Configure,
    definition: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def answer(asked: Asked) -> Reply:
        thoughts = f"Is it a \x1b[31mlark{asked.number}?"
        if asked.number % 2:
            message = {"content": None, "reasoning_content": thoughts}
            return completion(message=message, finish_reason="length")
        if asked.number % 4:
            return completion(message={"content": None}, finish_reason="tool_calls")
        return completion(message={"content": "A wren.", "reasoning": thoughts})

    with scripted(answer) as served:
        configure(served.url)
        spec = planned(home, definition)
        assert work(home, spec).outcome == "finished"
    said = notes(home, spec)
    assert any("4 of 8 answers are empty: the server spent all tokens on reason" in n for n in said)
    assert "2 of 8 answers are empty (finish_reason tool_calls)" in said
    assert {row["completion"] for row in rows(home, spec)} == {"", "A wren."}

    other = Home(tmp_path / "other").ensure()
    report = merge(other, home.root)
    assert [item.status for item in report.runs] == ["new"]
    shown: list[SampleDetail] = []
    for here, again in ((home, False), (home, True), (other, False)):
        ingest.ingest_now(here)
        if again:
            storage.rebuild(here)
        listed = page(here, search(here, Filter()), 0, DRAWS)
        shown = [detail(here, row.sample_id) for row in listed]
        assert sorted(bool(one.reasoning) for one in shown) == [False] * 2 + [True] * 6
        assert all("lark" in one.reasoning for one in shown if one.row.completion)
    (first, *_) = (one for one in shown if one.row.completion)
    assert "reasoning, which is no part" in samples.detail(first).plain
    command = ["--home", str(other.root), "sample", "show", str(first.row.sample_id)]
    main(command)
    text = capsys.readouterr().out
    assert "[reasoning] Is it a" in text and "[completion] A wren." in text and "\x1b" not in text
    main([*command, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["reasoning"] == first.reasoning and found["completion"] == "A wren."


def test_a_server_that_dies_half_way(home: Home, configure: Configure, definition: Path) -> None:
    alive = 3

    def mortal(asked: Asked) -> Reply:
        return completion() if asked.number < alive else Reply(drop=True)

    with scripted(mortal) as served:
        configure(served.url, concurrency=2, max_retries=1)
        first = planned(home, definition)
        done = work(home, first)
        run = done.runs[first.run_ids[0]]
        assert run.outcome == "failed"
        assert "aviary" in run.message
        assert "RemoteProtocolError" in run.message
        assert "same command" in run.hint
        assert len(rows(home, first)) == alive
        (status,) = runs.list_runs(home)
        assert status.state == "failed"
        assert "aviary" in status.why

        before = served.draws
        served.script = lambda _: completion()
        second = planned(home, definition)
        assert work(home, second).outcome == "finished"
        found = rows(home, second)
    assert len({row["sample_id"] for row in found}) == len(found) == DRAWS
    again = served.draws[len(before) :]
    assert len(again) == DRAWS - alive  # what was kept is not asked for again
    assert not set(again) & set(before[:alive])
    assert {seed for _, seed in served.draws} == {row["draw_seed"] for row in found}


def test_a_prompt_that_the_server_refuses_ends_nothing(
    home: Home, configure: Configure, definition: Path
) -> None:
    def picky(asked: Asked) -> Reply:
        if "NEVER" in asked.body["messages"][-1]["content"]:
            return failure(400, "filtered")
        return completion()

    with scripted(picky) as served:
        configure(served.url, concurrency=2)
        text = (definition / "experiment.yaml").read_text()
        assert text.count("questions:\n") == 1
        never = "{name: never, paraphrases: [NEVER say this], samples_per_paraphrase: 5}"
        more = f"questions:\n  - {never}\n"
        (definition / "experiment.yaml").write_text(text.replace("questions:\n", more))
        spec = planned(home, definition)
        assert work(home, spec).outcome == "finished"
        found = rows(home, spec)
        assert len({row["sample_id"] for row in found}) == len(found) == DRAWS + 5
        refused = [row for row in found if row["finish_reason"] == "refused"]
        assert len(refused) == 5
        assert {row["completion"] for row in refused} == {""}
        assert all("filtered" in str(row["engine"]) for row in refused)
        assert any("5 of 13 draws were refused" in note for note in notes(home, spec))
        asked = len(served.asked)
        assert asked == DRAWS + 5


def test_a_server_that_refuses_everything_ends_the_run_at_once(
    home: Home, configure: Configure, definition: Path
) -> None:
    with scripted(lambda _: failure(400, "max_tokens is not supported")) as served:
        configure(served.url, concurrency=2)
        spec = planned(home, definition)
        done = work(home, spec)
    run = done.runs[spec.run_ids[0]]
    assert run.outcome == "failed"
    assert "max_tokens is not supported" in run.message
    assert rows(home, spec) == []
    assert len(served.asked) <= 3 * 2  # each prompt once by each of the two


def test_a_cancel_does_not_wait_for_slow_answers(
    home: Home, configure: Configure, definition: Path
) -> None:
    enough, release = threading.Event(), threading.Event()

    def slow(asked: Asked) -> Reply:
        if asked.number >= 4:
            enough.set()
            release.wait()
        return completion()

    with scripted(slow) as served:
        try:
            configure(served.url, concurrency=1, timeout=600)
            spec = planned(home, definition)
            worker = process.spawn(home, spec)
            assert enough.wait()
            worker.send_signal(signal.SIGTERM)
            worker.wait()
        finally:
            release.set()
    done = DoneRecord.model_validate_json(home.launch(spec.launch_id).done.read_bytes())
    assert done.outcome == "cancelled"
    assert len(rows(home, spec)) == 4


@pytest.mark.parametrize(
    ("script", "temperature", "expected"),
    [
        (lambda _: completion("the same"), 1, True),
        (lambda asked: completion(f"bird {asked.number}"), 1, False),
        (lambda _: completion("the same"), 0, False),
    ],
)
def test_a_server_that_ignores_the_temperature_is_told_of(
    home: Home,
    configure: Configure,
    definition: Path,
    script: Script,
    temperature: float,
    expected: bool,
) -> None:
    source = definition / "experiment.yaml"
    sampling = f"n: 9, temperature: {temperature}"
    source.write_text(source.read_text().replace("n: 3", sampling))
    with scripted(script) as served:
        configure(served.url)
        spec = planned(home, definition)
        assert work(home, spec).outcome == "finished"
    told = any("ignore temperature" in note for note in notes(home, spec))
    assert told == expected


def test_no_key_in_any_file(
    home: Home, configure: Configure, definition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that repeats the key in its errors: first passing ones, then a refusal."""
    monkeypatch.setenv("AVIARY_KEY", KEY)

    def indiscreet(asked: Asked) -> Reply:
        assert asked.headers["Authorization"] == f"Bearer {KEY}"
        if asked.number == 0:
            return failure(500, f"cannot bill {KEY}")
        return completion() if asked.number < 4 else failure(401, f"spent: {KEY}")

    with scripted(indiscreet) as served:
        configure(served.url, api_key_env="AVIARY_KEY", concurrency=1)
        plan = make_plan(home, str(definition), Options(arms=["base"]))
        commit(home, plan)
        lifecycle.ensure_supervisor(home)
        run_id = plan.runs[0].spec.run_id
        # Its end is the end of all work: the supervisor holds this lock until then.
        wait_unlocked(home.supervisor_lock)
        (status,) = runs.list_runs(home)
        assert status.state == "failed"
        assert "spent: ***" in status.why
        log = "\n".join(runs.tail(home, run_id))
        assert "cannot bill ***" in log
        assert endpoint_warnings(home, plan.runs[0].spec.model) == []
    texts = {path: path.read_bytes() for path in home.root.rglob("*") if path.is_file()}
    assert len(texts) > 10
    assert [path for path, text in texts.items() if KEY.encode() in text] == []
    for part in home.root.rglob("*.parquet"):  # compressed: a search of the bytes sees nothing
        assert KEY not in repr(pq.read_table(part).to_pylist())


def wait_unlocked(path: Path) -> None:
    """Block until nobody holds an flock on a file."""
    with path.open("rb") as stream:
        fcntl.flock(stream, fcntl.LOCK_SH)


def test_a_supervisor_without_the_key_is_named(
    home: Home,
    configure: Configure,
    definition: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = threading.Event()

    def waits(_: Asked) -> Reply:
        hold.wait()
        return completion()

    with scripted(waits) as served:
        try:
            configure(served.url)
            commit(home, make_plan(home, str(definition), Options(arms=["base"])))
            pid = lifecycle.ensure_supervisor(home)
            assert pid is not None
            monkeypatch.setenv("AVIARY_KEY", KEY)
            configure(served.url, api_key_env="AVIARY_KEY")
            told = make_plan(home, str(definition), Options(arms=["base"])).warnings
            assert any(f"kill {pid}" in text and "AVIARY_KEY" in text for text in told)
            assert not any(KEY in text for text in told)
        finally:
            hold.set()
            if pid := lifecycle.supervisor_pid(home):
                os.kill(pid, signal.SIGTERM)
        wait_unlocked(home.supervisor_lock)
        for log in home.launches.glob("*/worker.log"):
            wait_unlocked(log)  # the worker holds its log until it ends


def test_the_worker_refuses_a_run_that_is_not_served(
    home: Home, configure: Configure, definition: Path
) -> None:
    with scripted(lambda _: completion()) as served:
        configure(served.url)
        spec = planned(home, definition)
        path = home.run(spec.run_ids[0]).spec
        path.write_text(path.read_text().replace('"endpoint": {', '"endpoint": null, "x": {'))
        found = runs.read_spec(home, spec.run_ids[0])
        assert found is None  # an unknown key: nothing is guessed
        worker = [sys.executable, "-m", "wgen_tui.workers.sample.served"]
        where = ["--home", str(home.root), "--launch", spec.launch_id]
        done = subprocess.run([*worker, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert served.asked == []
