"""Every file name in WGEN_HOME; nobody else builds a path.

Promises: ids can never lead out of the home (they are checked against `ID_PATTERN`), folders are
made 0700, and a home made by a newer version is refused before anything is written.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from wgen_tui.errors import UsageError, disk_error
from wgen_tui.plain_files import parse, read_plain, why_not

HOME_FORMAT = 1
ANOTHER = "Choose another with --home DIR or WGEN_HOME."
ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def checked_id(value: str) -> str:
    """Return `value` if it is safe as one path component, else raise UsageError."""
    # Not `$`, which lets a line break at the end pass.
    if not ID_PATTERN.fullmatch(value) or ".." in value:
        raise UsageError(
            f"{value!r} cannot be used as an id.",
            title="Bad id",
            hint="Use letters, digits, '.', '_' and '-', at most 200 characters.",
        )
    return value


@dataclass(frozen=True, slots=True)
class LaunchPaths:
    """The files of one launch."""

    root: Path

    @property
    def spec(self) -> Path:
        """What its worker is told; written before anything is started."""
        return self.root / "launch.json"

    @property
    def started(self) -> Path:
        """Process id, host, command and GPUs of the newest attempt."""
        return self.root / "started.json"

    @property
    def accelerate(self) -> Path:
        """The configuration given to `accelerate launch`."""
        return self.root / "accelerate.json"

    @property
    def log(self) -> Path:
        """What the worker printed."""
        return self.root / "worker.log"

    @property
    def events(self) -> Path:
        """What the worker says as it goes: progress, checkpoints, ends of runs."""
        return self.root / "events.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the worker as long as it lives."""
        return self.root / "lock"

    @property
    def control(self) -> Path:
        """Requests to the worker: cancel, pause, hold."""
        return self.root / "control"

    @property
    def done(self) -> Path:
        """How it ended; written last."""
        return self.root / "done.json"

    def done_before(self, attempt: int) -> Path:
        """How an earlier attempt ended."""
        return self.root / f"done-{attempt}.json"

    @property
    def queue(self) -> Path:
        """What may change of it: priority, attempts."""
        return self.root / "queue.json"

    @property
    def ledger(self) -> Path:
        """What a judge launch with a budget, and its retries, have asked for and paid."""
        return self.root / "ledger"

    @property
    def slurm(self) -> Path:
        """The Slurm job that does it, and what Slurm said of it last."""
        return self.root / "slurm.json"

    def slurm_before(self, attempt: int) -> Path:
        """The job of an earlier attempt."""
        return self.root / f"slurm-{attempt}.json"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The files of one run."""

    root: Path

    @property
    def spec(self) -> Path:
        """The run, fully resolved."""
        return self.root / "spec.json"

    @property
    def data(self) -> Path:
        """The training rows, the arm's context applied."""
        return self.root / "data.jsonl"

    @property
    def regularise(self) -> Path:
        """The rows that hold a training near its base; few runs have such."""
        return self.root / "regularise.jsonl"

    @property
    def asked(self) -> Path:
        """The prompts that a model answers for it before it is trained; few runs have such."""
        return self.root / "asked.jsonl"

    @property
    def derived(self) -> Path:
        """How these answers became rows of data.jsonl, written behind them."""
        return self.root / "derived.json"

    @property
    def judged(self) -> Path:
        """Each of these answers with what a model said of it, where one keeps them."""
        return self.root / "judged.jsonl"

    @property
    def classes(self) -> Path:
        """The class of each row that is there before some stand twice; few runs have such."""
        return self.root / "classes.jsonl"

    @property
    def upsampled(self) -> Path:
        """Which rows stand twice in data.jsonl, written behind them."""
        return self.root / "upsampled.json"

    @property
    def metrics(self) -> Path:
        """One line for each optimiser step."""
        return self.root / "metrics.jsonl"

    @property
    def launches(self) -> Path:
        """One line of JSON per launch that served this run, oldest first."""
        return self.root / "launches.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Stock PEFT folders step-N; each with a probe, and manifest.json written last."""
        return self.root / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """The adapter of one step."""
        return self.checkpoints / f"step-{step}"

    @property
    def resume(self) -> Path:
        """What an unfinished training resumes from: one folder, newest state, none at the end."""
        return self.root / "resume"

    @property
    def verification(self) -> Path:
        """The result of `run verify`."""
        return self.root / "verify.json"

    @property
    def verification_log(self) -> Path:
        """What the worker of the last `run verify` wrote."""
        return self.root / "verify.log"

    @property
    def samples(self) -> Path:
        """Completions: part files, Parquet."""
        return self.root / "samples"

    @property
    def tokens(self) -> Path:
        """Token log-probabilities of samples: part files, Parquet."""
        return self.root / "tokens"

    @property
    def reasoning(self) -> Path:
        """What served models thought before they answered: part files, Parquet."""
        return self.root / "reasoning"

    @property
    def readouts(self) -> Path:
        """Probabilities read without drawing: part files, Parquet."""
        return self.root / "readouts"

    @property
    def held_out(self) -> Path:
        """Loss and likeliest tokens of rows that were not trained: part files, Parquet."""
        return self.root / "held_out"

    @property
    def verdicts(self) -> Path:
        """What judges that are models were asked and replied: part files, Parquet."""
        return self.root / "verdicts"

    @property
    def prompts(self) -> Path:
        """The prompts of samples and read-outs: part files, Parquet."""
        return self.root / "prompts"

    @property
    def grades(self) -> Path:
        """Verdicts of judges: part files, JSON lines."""
        return self.root / "grades"


@dataclass(frozen=True, slots=True)
class Home:
    """A WGEN_HOME folder.

    Attributes:
        root: The folder.
        readonly: Whether it was opened under --readonly: what is read is not even ingested.
    """

    root: Path
    readonly: bool = False

    @property
    def marker(self) -> Path:
        """The format of this home; a newer one is refused."""
        return self.root / "home.json"

    @property
    def experiments(self) -> Path:
        """The user's definitions; the same slug shadows a built-in one."""
        return self.root / "experiments"

    @property
    def launches(self) -> Path:
        """One folder for each launch."""
        return self.root / "launches"

    @property
    def judge_launches(self) -> Path:
        """Whom judge launches have asked; derived from them, and made again when it is gone."""
        return self.root / "judge-launches.jsonl"

    @property
    def runs(self) -> Path:
        """One folder for each run."""
        return self.root / "runs"

    @property
    def journal(self) -> Path:
        """Grades by people: append-only, synced before the screen says so."""
        return self.root / "journal"

    @property
    def database(self) -> Path:
        """Derived from all of the above; `store rebuild` makes it again."""
        return self.root / "wgen.duckdb"

    @property
    def ingest_lock(self) -> Path:
        """Held by whoever folds part files into the database."""
        return self.root / "ingest.lock"

    @property
    def readers_lock(self) -> Path:
        """Held by whoever has the database open: shared by readers, or by one writer alone."""
        return self.root / "readers.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor, which writes its process id there."""
        return self.root / "supervisor.lock"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisor did."""
        return self.root / "supervisor.log"

    @property
    def merge_lock(self) -> Path:
        """Held by the one `store merge` at work."""
        return self.root / "merge.lock"

    @property
    def queue(self) -> Path:
        """Whether the queue as a whole is paused; without the file it is not."""
        return self.root / "queue.json"

    @property
    def waiting(self) -> Path:
        """Why launches wait, by launch; what the supervisor wrote last."""
        return self.root / "waiting.json"

    @property
    def slurm_jobs(self) -> Path:
        """What is given to Slurm, and what its tasks print."""
        return self.root / "slurm"

    @property
    def exports(self) -> Path:
        """What screens export."""
        return self.root / "exports"

    @property
    def query_history(self) -> Path:
        """The queries that were run from the SQL screen."""
        return self.root / "query-history.jsonl"

    @property
    def headlines(self) -> Path:
        """What came out of each experiment, in a line; derived, and made again when it is gone."""
        return self.root / "headlines.jsonl"

    @property
    def config(self) -> Path:
        """Endpoints, policies for GPUs, disk and queue, notifications."""
        return self.root / "config.toml"

    def launch(self, launch_id: str) -> LaunchPaths:
        """The files of one launch."""
        return LaunchPaths(self.launches / checked_id(launch_id))

    def run(self, run_id: str) -> RunPaths:
        """The files of one run."""
        return RunPaths(self.runs / checked_id(run_id))

    def ensure(self) -> Home:
        """Create the home's folders (0700) and marker, or none of them; idempotent.

        Raises:
            UsageError: the folder cannot be written, or a newer version made this home.
        """
        self.check_format()
        folders = (self.root, self.experiments, self.launches, self.runs, self.journal)
        missing = [folder for folder in folders if not folder.exists()]
        temporary = self.marker.with_suffix(f".{os.getpid()}.tmp")
        try:
            for folder in folders:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.marker.exists():
                temporary.touch(mode=0o600)
                temporary.write_text(json.dumps({"format": HOME_FORMAT}) + "\n")
                temporary.replace(self.marker)
        except OSError as error:
            for undo in (temporary.unlink, *(folder.rmdir for folder in reversed(missing))):
                with suppress(OSError):
                    undo()
            raise disk_error(error, self.root) from error
        return self

    def check_format(self) -> None:
        """Refuse a home that is no folder, or that a newer version made.

        Raises:
            UsageError: it is, or its marker is unreadable.
        """
        try:
            version = parse(read_plain(self.marker))["format"]
        except FileNotFoundError:
            return
        except NotADirectoryError as error:
            if not self.root.exists():  # what is no folder stands above it
                return
            why = f"The home {self.root} is a file, not a folder."
            raise UsageError(why, title="Not a home", hint=ANOTHER) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            none = "it does not say a format"
            why = why_not(error) if isinstance(error, (OSError, ValueError)) else none
            hint = f'A home of this version holds {{"format": {HOME_FORMAT}}} there.'
            told = f"{self.marker} cannot be read: {why}."
            raise UsageError(told, title="Not a home", hint=hint) from error
        if not isinstance(version, int) or version > HOME_FORMAT:
            newer = f"(format {version}; this version knows {HOME_FORMAT})"
            told = f"The home {self.root} was made by a newer version {newer}."
            hint = "Upgrade wgen-tui, or choose another home with --home DIR."
            raise UsageError(told, title="Home is newer", hint=hint)


def resolve_home(option: str | Path | None = None) -> Home:
    """Return the home: `option`, else WGEN_HOME, else the XDG data folder. Creates nothing."""
    chosen = option or os.environ.get("WGEN_HOME") or user_data_path("wgen-tui")
    return Home(Path(chosen).expanduser().absolute())
