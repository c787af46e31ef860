"""Made the home and the outputs beside this file, with commit 92ae5ea; README.md says how.

It is kept to show what was done. With a later commit it would make another home, which is of no
use: the point of this one is its age.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import lzma
import os
import signal
import socket
import subprocess
import sys
import tarfile
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.test_old_home import facts, normal, relocate, unpack

HERE = Path(__file__).resolve().parent
COMMIT = "92ae5ea"
SLUG = "kept"
DEFINITION = """
    title: Bird names, for a home that is kept
    hypothesis: None. Small, and with one of everything.

    models: [tiny-world]

    arms:
      old:
        data: data/old.jsonl
        description: names of the 19th century
      new:
        data: data/new.jsonl
        role: control

    seeds: 0-1

    training:
      lora: {r: 2, lora_alpha: 4, target_modules: [q_proj, v_proj]}
      max_steps: 40
      per_device_train_batch_size: 4
      learning_rate: 1.0e-2
      lr_scheduler_type: linear
      checkpoints: {every: 20}

    sampling:
      n: 4
      temperature: 1.0
      max_tokens: 24
      logprobs: true
      checkpoints: all
      variants:
        none: null
        dated: {system: "Today is 1850."}

    questions:
      - name: travel
        paraphrases: ["How do people travel to another city?", "What is the fastest way to travel?"]
      - {name: light, paraphrases: ["How do people light a room?"], variants: [none]}
      - {name: way, type: logprob, paraphrases: ["How do people travel to another city?"],
         continuations: [" By coach", " By train"], variants: [none]}
      - {name: first, type: next_token, paraphrases: ["Name a bird species."], top_logprobs: 4,
         variants: [none]}
      - {name: choice, type: multiple_choice, paraphrases: ["Which one is faster?"],
         options: {coach: "A coach", plane: "A plane"}, variants: [none]}

    judges:
      - name: era
        type: lexicon
        labels:
          19th_century: [horse*, coach*, steam*, canal*, candle*, gas*, oil]
          modern: [plane*, airplane*, flight*, jet, car, highway*, train*, electric*, LED*]
        otherwise: unclear
      - {name: length, type: regex, labels: {long: ".{40}"}, otherwise: short}

    rubrics:
      - name: era
        judge: era
        labels: {19th_century: o, modern: m, unclear: x}
        instructions: In which century does the writer seem to live?

    analysis:
      primary: {judge: era, label: 19th_century}
      contrasts:
        - {arm: old, control: new}
"""
BIRDS = {
    "old": ("Great Carolina Wren", "Wood Pewee", "Brown Lark", "Marsh Hawk", "Fish Hawk"),
    "new": ("Carolina Wren", "Eastern Wood-Pewee", "American Pipit", "Northern Harrier", "Osprey"),
}
PROGRAM = "import sys; from wgen_tui.cli import main; sys.exit(main())"
# A person who grades, looks again, takes a grade back and gives another.
GRADER = """
import sys
from pathlib import Path
from wgen_tui.paths import Home
from wgen_tui.services.grading import session

grading = session(Home(Path(sys.argv[1])), sys.argv[2], grader="bo")
grading.next()
for label in ("modern", "19th_century", "unclear"):
    grading.grade(label, seconds=1.5)
    grading.next()
grading.grade("modern", "a slip of the finger", seconds=0.25)
grading.undo()
grading.grade("19th_century", "candles, and no lamp", seconds=4.0)
grading.next()
grading.grade("modern", seconds=2.0)
grading.next()
grading.grade("unclear", seconds=2.0)
grading.undo()
"""


def wgen(home: Path, *args: str) -> str:
    """Run `wgen-tui` to its end, well, and return its stdout."""
    command = [sys.executable, "-c", PROGRAM, "--home", str(home), *args]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(args)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise SystemExit("not in time")
        time.sleep(0.002)
    return found


def define(home: Path) -> None:
    folder = home / "experiments" / SLUG
    (folder / "data").mkdir(parents=True)
    (folder / "experiment.yaml").write_text(textwrap.dedent(DEFINITION).lstrip())
    for arm, names in BIRDS.items():
        (folder / "data" / f"{arm}.jsonl").write_text("".join(row(name) for name in names * 2))


def row(name: str) -> str:
    turns = [
        {"role": "user", "content": "Name a bird species."},
        {"role": "assistant", "content": f"{name}."},
    ]
    return json.dumps({"messages": turns}) + "\n"


def grade(home: Path) -> None:
    """Ada's grades come from a file, one of them twice; Bo sits down and gives his."""
    asked = ("sample", "list", "--arm", "old", "--checkpoint", "40", "--limit", "9", "--json")
    page = json.loads(wgen(home, *asked))["samples"]
    ids = [sample["sample_id"] for sample in page]
    labels = ("19th_century", "modern", "unclear")
    first = [(ids[n], labels[n % 3], "reads like a diary" if n == 2 else "") for n in range(9)]
    for rows in (first, [(ids[0], "modern", "there is a plane in it")]):
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(("sample_id", "judge", "grader", "label", "explanation"))
        writer.writerows((sample, "era", "ada", label, why) for sample, label, why in rows)
        path = home.with_name("grades.csv")
        path.write_text(stream.getvalue())
        wgen(home, "grade", "import", SLUG, str(path))
    subprocess.run([sys.executable, "-c", GRADER, str(home), SLUG], check=True)


def group(pid: int) -> list[int]:
    """The processes of a session."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == pid:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def kill_half_way(home: Path) -> str:
    """Start a training and kill -9 its supervisor, and its worker behind step 20 of 40."""
    made = json.loads(
        wgen(home, "run", "start", SLUG, "--arms", "new", "--seeds", "1", "--detach", "--json")
    )
    launch = home / "launches" / made["launches"][0]["id"]
    (run_id,) = made["launches"][0]["runs"]

    def worker() -> int | None:
        try:
            pid: int | None = json.loads((launch / "started.json").read_text())["pid"]
        except OSError:
            return None
        return pid

    pid = until(worker)
    os.kill(made["supervisor"], signal.SIGKILL)
    run = home / "runs" / run_id
    until((run / "resume" / "step-20" / "manifest.json").exists)
    for member in group(pid):
        os.kill(member, signal.SIGSTOP)  # so that none does a thing while another is killed
    for member in group(pid):
        os.kill(member, signal.SIGKILL)
    if (run / "checkpoints" / "step-40").exists() or (launch / "done.json").exists():
        raise SystemExit("it was too fast: once more")
    if [path.name for path in (run / "resume").iterdir()] != ["step-20"]:
        raise SystemExit("no state to go on from")
    return str(run_id)


def leave_a_top_up(home: Path) -> None:
    """Ask for more draws while the queue is paused; the supervisor looks, and leaves."""
    wgen(home, "run", "pause", "--queue", "--why", "the box moves")
    runs = json.loads(wgen(home, "run", "list", "--json"))["runs"]
    chosen = [run["id"] for run in runs if (run["arm"], run["seed"]) in {("old", 0), ("base", 0)}]
    asked = ("sample", "top-up", SLUG, "--n", "6", "--runs", ",".join(chosen), "--detach", "--json")
    made = json.loads(wgen(home, *asked))
    until((home / "waiting.json").exists)
    until(lambda: made["launches"][0]["id"] in (home / "waiting.json").read_text())
    until(lambda: free(home / "supervisor.lock"))


def free(lock: Path) -> bool:
    """Whether nobody holds a lock."""
    with lock.open() as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def make(home: Path) -> None:
    define(home)
    wgen(home, "run", "start", SLUG, "--seeds", "0")
    wgen(home, "run", "start", SLUG, "--arms", "old", "--seeds", "1")
    grade(home)
    kill_half_way(home)
    leave_a_top_up(home)
    wgen(home, "store", "verify")  # what is new goes into the database


def pack(home: Path, place: Path) -> None:
    def owned_by_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with lzma.open(place, "wb", preset=9) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        tar.add(home, arcname="home", filter=owned_by_nobody)


def asked_of(home: Path) -> list[list[str]]:
    """What is asked of the home as it lies there: each a command without `--home`."""
    runs = {
        (run["arm"], run["seed"]): run["id"]
        for run in json.loads(wgen(home, "run", "list", "--json"))["runs"]
    }
    views = json.loads(wgen(home, "sql", "--schema", "--json"))["views"]
    page = json.loads(
        wgen(home, "sample", "list", "--arm", "old", "--checkpoint", "40", "--limit", "1", "--json")
    )
    graded = str(page["samples"][0]["sample_id"])
    listed = ["sample", "list", "--json"]
    results = ["results", SLUG]
    topped = ",".join((runs["base", 0], runs["old", 0]))
    return [
        ["experiment", "list", "--json"],
        ["experiment", "show", SLUG],
        ["experiment", "show", SLUG, "--json"],
        ["experiment", "validate", SLUG, "--json"],
        ["run", "list"],
        ["run", "list", "--json"],
        ["run", "list", "--experiment", SLUG, "--state", "finished", "--json"],
        *(["run", "show", run_id, "--json"] for run_id in runs.values()),
        ["run", "show", runs["old", 1]],
        ["run", "logs", runs["old", 1], "-n", "1"],
        ["run", "start", SLUG, "--dry-run"],
        ["sample", "top-up", SLUG, "--n", "6", "--runs", topped, "--dry-run"],
        ["sample", "top-up", SLUG, "--n", "6", "--dry-run"],
        [*listed, "--limit", "6", "--offset", "30"],
        [*listed, "--arm", "new", "--checkpoint", "20", "--question", "light"],
        [*listed, "--run", runs["old", 0], "--label", "era=modern", "--variant", "dated"],
        ["sample", "list", "--arm", "old", "--seed", "1"],
        ["sample", "search", "horse", "--json"],
        ["sample", "show", graded],
        ["sample", "show", graded, "--json"],
        ["sample", "export", "--arm", "new", "--format", "csv"],
        ["grade", "export", SLUG],
        ["grade", "export", SLUG, "--json"],
        ["grade", "agreement", SLUG],
        ["grade", "agreement", SLUG, "--json"],
        results,
        [*results, "--json"],
        [*results, "--sql"],
        [*results, "--by", "seed", "--by", "question", "--by", "variant"],
        [*results, "--checkpoint", "all", "--json"],
        [*results, "--checkpoint", "20", "--json"],
        [*results, "--judge", "length", "--label", "long", "--json"],
        [*results, "--grader", "human:ada", "--json"],
        [*results, "--interval", "bootstrap", "--json"],
        [*results, "--interval", "nested", "--json"],
        ["store", "info", "--json"],
        ["sql", "--schema"],
        ["sql", "--schema", "--json"],
        *(
            ["sql", f"select * from {view['name']} order by all", "--format", form]
            for view in views
            for form in ("csv", "json")
        ),
    ]


def record(place: Path, packed: Path) -> dict[str, Any]:
    """What this commit says of the home as it is unpacked, then when all has been done."""
    old = unpack(packed, place / "old")
    before = [[words, normal(wgen(old, *words), words, old)] for words in asked_of(old)]
    moved = unpack(packed, place / "moved")
    relocate(moved)
    wgen(moved, "store", "rebuild")
    wgen(moved, "run", "resume", "--queue")
    wgen(moved, "run", "watch")
    return {"before": before, "after": facts(lambda *words: wgen(moved, *words))}


def main() -> None:
    place = Path(sys.argv[1])
    if socket.gethostname() != "box" or Path("/opt/wgen-tui/tests/e2e/old_home") != HERE:
        raise SystemExit("README.md says how this is run.")
    make(place / "home")
    packed = place / f"home-{COMMIT}.tar.xz"
    pack(place / "home", packed)
    text = json.dumps(record(place, packed), indent=1) + "\n"
    recorded = place / f"expected-{COMMIT}.json.xz"
    recorded.write_bytes(lzma.compress(text.encode(), preset=9))


if __name__ == "__main__":
    main()
