"""kill -9 at random points of what the database is made by: `python -m tests.drill store`.

Ingest, verify, rebuild, migration and compaction.

A home grows round after round: samples and verdicts, some of them a second time, some taken back.
What folds them into the database is killed on its way; then every reader must see each row once, as
the files alone say it, a stock client must be able to open the file, and the user goes on. In the
end verify finds nothing, and a rebuild changes nothing.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import astuple, replace
from pathlib import Path

import duckdb
import psutil

from store.connect import read
from store.ingest import ingest
from store.layout import StoreFiles
from store.samples.facets import facets
from store.samples.filters import Filter
from store.verify import rebuild, verify
from tests.builders import store_home
from tests.drill.check import Verdict, dump
from wgen_tui.run_files.compaction import groups
from wgen_tui.services.runs.launch_state import locked

ACTIONS = {"ingest": 0.3, "verify": 0.15, "rebuild": 0.15, "migration": 0.15, "compaction": 0.25}
AIMED = 0.6  # the share of kills that wait until the database is open
SHORT = 0.01  # seconds within which those come
VIEWS = ("runs", "samples", "prompts", "grades_all", "grades", "metrics")
WORK = """
import sys
from pathlib import Path
from contextlib import nullcontext
from store import ingest, verify
from store.layout import StoreFiles
from wgen_tui.paths import Home
from wgen_tui.run_files import compaction
from wgen_tui.services.data.compaction import compact
def make_few(files):
    compact(Home(files.root), lambda: True, nullcontext)
works = {"verify": verify.verify, "rebuild": verify.rebuild, "compaction": make_few}
work = works.get(sys.argv[2], ingest.ingest)
ingest.TURN_BYTES = 1 << 16  # a round takes several turns
compaction.LEAST = 2  # of a launch in a round
print("begun", flush=True)
work(StoreFiles.of(Path(sys.argv[1])))
"""


class StoreDrill:
    """The rounds and the kills.

    Attributes:
        files: The home whose database is killed again and again.
        hit: Kills, by action and by what it was doing.
        wrong: What was off, one line each.
    """

    def __init__(self, root: Path, seed: int, draws: int) -> None:
        self.files = StoreFiles.of(store_home.write_home(root / "home", draws))
        self.truth = StoreFiles.of(root / "files-alone", readonly=True)
        self.truth.root.mkdir()
        for folder in ("runs", "journal"):
            (self.truth.root / folder).symlink_to(self.files.root / folder)
        self.hit: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self._rng = random.Random(seed)
        self._draws = draws
        self._round = 0
        self._rows: dict[str, list[dict[str, object]]] = {}
        self._lasts: dict[str, float] = {}  # seconds, by action
        ingest(self.files)

    def run(self, kills: int, say: Callable[[str], None]) -> None:
        """Kill so often, look each time, and let the work end."""
        names = list(ACTIONS)
        tried = 0
        while self.hit.total() < kills:
            weighed = self._rng.choices(names, list(ACTIONS.values()))[0]
            action = names[tried] if tried < len(names) else weighed  # each at least once
            tried += 1
            self._grow()
            if action == "migration":
                age(self.files)
            if action == "compaction":
                ingest(self.files)
            if (doing := self._kill(action)) is None:
                continue
            self.hit[action, doing] += 1
            say(f"{self.hit.total():4d}  {action:10s} {doing}")
            self._look(f"kill {self.hit.total()}, {action}, {doing}")
            if self._rng.random() < 0.5:  # else the next meets what this one left
                ingest(self.files)

    def _grow(self) -> None:
        """New draws, old ones again, verdicts on some, and some taken back."""
        self._round += 1
        more = self._draws * (self._round + 1)
        for number, run in enumerate(store_home.RUNS[1:]):
            drawn = store_home.sample_rows(run, more)
            new = [row for row in drawn if row["draw"] >= more - self._draws]
            rows = self._rows.setdefault(run.run_id, [])
            rows += new
            half = len(new) // 2
            again = self._rng.sample(rows, 5)  # a resumed worker's
            name = f"R{self._round:03d}"
            store_home.write_samples(self.files.root, run, new[:half] + again, f"{name}-00000")
            store_home.write_samples(self.files.root, run, new[half:], f"{name}-00001")
            grades = self.files.runs / run.run_id / "grades"
            lines = [store_home.grade_line(row, "era", "modern") for row in new]
            (grades / f"part-{name}-00000.jsonl").write_text("".join(lines))
            with (self.files.journal / f"grades-ada-{number}.jsonl").open("a") as journal:
                journal.write(self._verdicts(rows))

    def _verdicts(self, rows: list[dict[str, object]]) -> str:
        """What a person says of a few samples, and takes back of one."""
        some = self._rng.sample(rows, 6)
        at = 10 * self._round
        lines = [store_home.grade_line(row, "era", "old", "human:ada", at) for row in some]
        taken = int(lines[0].partition('"grade_id": ')[2].partition(",")[0])
        undo = store_home.grade_line(some[0], "era", None, "human:ada", at + 1, retracts=taken)
        return "".join([*lines, undo])

    def _kill(self, action: str) -> str | None:
        """Begin, stop somewhere, see what it was at, kill; None if it had ended."""
        command = [sys.executable, "-c", WORK]
        process = subprocess.Popen(
            [*command, str(self.files.root), action], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        began = process.stdout.readline() and time.monotonic()
        assert began
        longest = self._lasts.get(action, 0.2)
        if self._rng.random() < AIMED and action != "rebuild":
            self._wait_for_a_writer(process)
            longest = SHORT
        with suppress(subprocess.TimeoutExpired):
            process.wait(self._rng.uniform(0, longest))
        with suppress(psutil.NoSuchProcess):
            psutil.Process(process.pid).suspend()
        if process.poll() is not None:  # next time sooner
            self._lasts[action] = time.monotonic() - began
            return None
        self._lasts[action] = 1.1 * self._lasts.get(action, 0.2)  # or later, to reach the end
        doing = self._doing(action)
        process.kill()
        process.communicate()
        return doing

    def _wait_for_a_writer(self, process: subprocess.Popen[str]) -> None:
        """Let it get as far as having the database open, as often as it may take."""
        for _ in range(self._rng.randint(1, 4)):
            while process.poll() is None and not locked(self.files.readers_lock):
                time.sleep(0.001)
            while process.poll() is None and locked(self.files.readers_lock):
                if self._rng.random() < 0.05:
                    return
                time.sleep(0.001)

    def _doing(self, action: str) -> str:
        database = self.files.database
        if action == "rebuild" and Path(f"{database}.new").exists():
            return "making a new one"
        if Path(f"{database}.wal").exists():
            return "writing"
        if action == "compaction" and (both := self._both()):
            return both
        if locked(self.files.readers_lock):
            return "database open"
        return "files or beginning"

    def _both(self) -> str:
        """How far the making of few parts has come."""
        for folder in self.files.runs.glob("*/*"):
            if folder.is_dir() and any(group.written for group in groups(folder)):
                return "a whole beside its parts"
        return ""

    def _look(self, when: str) -> None:
        """What readers see is what the files alone say; a stock client can open the database."""
        wanted, seen = (rows_of(files) for files in (self.truth, self.files))
        self.wrong += [f"{when}: {view} differ" for view in VIEWS if wanted[view] != seen[view]]
        try:
            with duckdb.connect(str(self.files.database), read_only=True) as con:
                con.execute("select count(*), max(completion) from sample").fetchall()
        except duckdb.Error as error:
            self.wrong.append(f"{when}: a stock client: {error}")

    def end(self, verdict: Verdict) -> None:
        """Ingest what is left; verify is clean, and a rebuild changes nothing."""
        ingest(self.files)
        self._look("at the end")
        verdict.expect("problems that verify finds", [str(one) for one in verify(self.files)], [])
        before = dump(self.files.database)
        rebuild(self.files)
        after = dump(self.files.database)
        changed = [name for name in before | after if before.get(name) != after.get(name)]
        verdict.expect("tables that a rebuild changes", changed, [])
        verdict.figures["rows, by table"] = {name: rows for name, (rows, _) in after.items()}
        verdict.wrong += self.wrong


def rows_of(files: StoreFiles) -> dict[str, list[tuple[object, ...]]]:
    """Every row that a reader sees, by view, in order."""
    with read(replace(files, readonly=True)) as con:
        rows = {view: con.execute(f"from {view} order by all").fetchall() for view in VIEWS}
        rows["facets"] = [astuple(facets(con, Filter()))]
        return rows


def age(files: StoreFiles) -> None:
    """Make the database what version 2 would have left, which knew no counts and no verdicts."""
    with duckdb.connect(str(files.database)) as con:
        views = "select view_name from duckdb_views() where not internal"
        for (name,) in con.execute(views).fetchall():
            con.execute(f"drop view if exists {name}")
        columns = "select 1 from duckdb_columns() where table_name = 'grade'"
        if con.execute(f"{columns} and column_name = 'counts'").fetchall():
            con.execute("alter table grade drop column counts")
            con.execute("alter table grade drop column repeat_of")
        for later in (
            *("verdict", "sample_reasoning", "note", "held_out_row", "sample_count", "label_set"),
        ):
            con.execute(f"drop table if exists {later}")
        con.execute("update schema_version set version = 2, views = ''")


def drill(root: Path, kills: int, seed: int, draws: int, say: Callable[[str], None]) -> Verdict:
    """Kill so often in a home below `root`, and judge."""
    verdict = Verdict()
    killed = StoreDrill(root, seed, draws)
    killed.run(kills, say)
    killed.end(verdict)
    for (action, doing), times in sorted(killed.hit.items()):
        verdict.figures[f"killed: {action}, {doing}"] = times
    return verdict
