"""Where output goes, what of it a terminal may get, and how a command ends that is interrupted."""

from __future__ import annotations

import gzip
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builders.mini_home import MiniHome
from tests.builders.waiting import until
from tests.cli.conftest import PROGRAM
from wgen_tui.cli.main import main
from wgen_tui.cli.output import emit_json
from wgen_tui.paths import Home

Program = Callable[..., subprocess.CompletedProcess[str]]
QUERY = "select 1 as one"
HOSTILE = "x \x1b]0;TITLE\x07\x1b[2J\x9b31m \u202ertl\u200b end"
# Python's and YAML's way to write it in a file.
ESCAPED = json.dumps(HOSTILE)
DEFINITION = f"""\
title: {ESCAPED}
hypothesis: {ESCAPED}
source: {{title: {ESCAPED}, note: {ESCAPED}, arxiv: {ESCAPED}, section: {ESCAPED}}}
models: [tiny-world]
arms:
  old: {{data: old.jsonl, description: {ESCAPED}}}
seeds: 0
training: {{max_steps: 1}}
sampling: {{variants: {{{ESCAPED}: {{prefix: {ESCAPED}}}}}}}
questions:
  - {{name: asked, paraphrases: [{ESCAPED}], topic: {ESCAPED}}}
judges:
  - {{name: era, type: lexicon, labels: {{{ESCAPED}: [{ESCAPED}]}}, description: {ESCAPED}}}
model_judges:
  - {{name: {ESCAPED}, model: {ESCAPED}, prompt: '{{answer}}'}}
analysis: {{primary: {{judge: era, label: {ESCAPED}}}}}
"""


def obeyed(data: bytes) -> set[str]:
    """The characters of an output that a terminal obeys, or that turn or hide text."""
    text = data.decode()
    hidden = {*map(chr, range(0x80, 0xA0)), *"\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e"}
    return {c for c in text if (c < " " and c not in "\n\t") or c in hidden or c == "\x7f"}


def raw(home: Home, *words: str) -> bytes:
    done = subprocess.run(
        [str(PROGRAM), "--home", str(home.root), *words],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert b"Traceback" not in done.stderr
    return done.stdout + done.stderr


def here(home: Home, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The same in this process, with the exit code: what is said, not where it goes."""
    capsys.readouterr()
    code = main(["--home", str(home.root), *words])
    told = capsys.readouterr()
    assert "Traceback" not in told.err, told.err
    return code, told.out, told.err


@pytest.fixture
def hostile(home: Home) -> Home:
    folder = home.ensure().experiments / "bad"
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text(DEFINITION)
    row = {"messages": [{"role": r, "content": HOSTILE} for r in ("user", "assistant")]}
    (folder / "old.jsonl").write_text(json.dumps({**row, HOSTILE: 1}))
    return home


@pytest.mark.parametrize(
    "words",
    [
        ("experiment", "show", "bad"),
        ("experiment", "list"),
        ("experiment", "validate", "bad"),
        ("experiment", "preview", "bad"),
        ("run", "start", "bad", "--dry-run"),
    ],
)
def test_no_definition_writes_to_the_terminal(hostile: Home, words: tuple[str, ...]) -> None:
    output = raw(hostile, *words)
    assert b"TITLE" in output or b"bad" in output
    assert not obeyed(output)


def test_what_is_wrong_with_a_definition_writes_nothing_either(
    hostile: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    path = hostile.experiments / "bad" / "experiment.yaml"
    for wrong in (f"{ESCAPED}: 1\n", f"chat_template: {ESCAPED}\n", f"tags: {ESCAPED}\n"):
        path.write_text(DEFINITION + wrong)
        for words in (("experiment", "validate", "bad"), ("experiment", "list")):
            _, out, errors = here(hostile, capsys, *words)
            assert out + errors
            assert not obeyed((out + errors).encode()), wrong


def test_a_server_s_words_are_shown_not_sent(home: Home) -> None:
    mini = MiniHome(home)
    mini.definition()
    run = mini.run("old", 0)
    mini.checkpoint(run)
    mini.draw(run, lambda question, draw: "one", engine=HOSTILE, finish_reason=HOSTILE)
    output = raw(home, "sample", "show", str(mini.samples[run][0]))
    assert b"TITLE" in output
    assert not obeyed(output)
    assert not obeyed(raw(home, "sample", "list"))


def test_a_link_s_target_is_written_and_the_link_stays(program: Program, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to("real.csv")
    program("sql", QUERY, "--format", "csv", "--output", link)
    assert link.is_symlink()
    assert real.read_text() == "one\n1\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "real.csv"]


def test_a_fifo_is_written_into(program: Program, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    program("sql", QUERY, "--format", "csv", "--output", fifo)
    reader.join(60)
    assert read == ["one\n1\n"]
    assert fifo.is_fifo()


def test_process_substitution_is_written_into(home: Home, tmp_path: Path) -> None:
    packed = tmp_path / "x.gz"
    script = (
        f'"{PROGRAM}" --home "{home.root}" sql "{QUERY}" --format csv --output >(gzip > "{packed}")'
    )
    subprocess.run(["bash", "-c", script], check=True, stdin=subprocess.DEVNULL)
    until(lambda: packed.exists() and packed.stat().st_size > 20)
    assert gzip.decompress(packed.read_bytes()) == b"one\n1\n"


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_query_in_words(home: Home, times: int) -> None:
    endless = "select count(*) from range(100000000000) t(i) where hash(i) % 3 = 1"
    process = subprocess.Popen(
        [str(PROGRAM), "--home", str(home.root), "sql", endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # DuckDB computes once the process has used more than its start takes.
    until(lambda: _seconds_of_cpu(process.pid) > 3)
    for _ in range(times):  # the second comes while the first is seen to
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert errors == b"\nCancelled.\n"
    assert process.returncode == 130


def _seconds_of_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    payload: Any = {"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": (float("-inf"), 2)}}
    emit_json(payload)
    assert json.loads(capsys.readouterr().out, parse_constant=sys.exit) == {
        "a": None,
        "b": [1.5, None],
        "c": {"d": [None, 2]},
    }


@pytest.mark.parametrize("size", [20_000, 4_096, 300_000])
def test_a_database_that_was_cut_short_is_damaged(
    command: Program, home: Home, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    mini = MiniHome(home)
    mini.definition()
    run = mini.run("old", 0)
    mini.checkpoint(run)
    mini.draw(run, lambda question, draw: "one")
    command("store", "verify")
    whole = home.database.stat().st_size
    os.truncate(home.database, min(size, whole - 1))
    for words in (("results", "mini"), ("store", "verify"), ("sample", "list")):
        code, _, errors = here(home, capsys, *words)
        assert code != 0
        assert "store rebuild" in errors
    command("store", "rebuild")
    command("store", "verify")


@pytest.mark.parametrize("words", [("sample", "export"), ("sql", "select * from samples")])
def test_csv_on_a_terminal_is_made_visible(home: Home, words: tuple[str, ...]) -> None:
    mini = MiniHome(home)
    mini.definition()
    run = mini.run("old", 0)
    mini.checkpoint(run)
    mini.draw(run, lambda question, draw: HOSTILE)
    master, slave = pty.openpty()
    command = [str(PROGRAM), "--home", str(home.root), *words, "--format", "csv"]
    with subprocess.Popen(command, stdout=slave, stdin=slave, stderr=subprocess.PIPE) as process:
        os.close(slave)
        shown = b""
        try:
            while part := os.read(master, 65_536):
                shown += part
        except OSError:  # the terminal's other end is closed
            pass
    os.close(master)
    assert process.returncode == 0
    assert shown.count(b"TITLE") == 6
    assert not obeyed(shown.replace(b"\r\n", b"\n"))
    # In a pipe, the bytes are the completion's own.
    assert b"\x1b]0;TITLE" in raw(home, *words, "--format", "csv")
