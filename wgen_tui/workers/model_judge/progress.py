"""One run while its samples are judged, whoever judges.

Promises: what was judged is on disk when the run ends, whatever ends it; how far it is, and how
fast, is said as it goes; what could not be judged is counted in words.
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from wgen_tui.run_files.inventory import samples
from wgen_tui.run_files.verdict_record import Reply
from wgen_tui.run_files.verdict_writer import Asking, VerdictWriter
from wgen_tui.terminal_text import are, plural
from wgen_tui.workers.endpoint.usage import by_count
from wgen_tui.workers.runtime import Worker, WorkerError

UNIT = "verdicts"


class JudgedRun:
    """A run that is being judged.

    Attributes:
        askings: What its judges are to be asked.
    """

    def __init__(self, worker: Worker, writer: VerdictWriter, run_id: str) -> None:
        """Take a run; nothing is read before it is entered."""
        self.askings: list[Asking] = []
        self._worker = worker
        self._writer = writer
        self._run_id = run_id
        self._judged = 0
        self._started = time.monotonic()

    def __enter__(self) -> JudgedRun:
        """Read what there is to judge.

        Raises:
            WorkerError: the run has no samples.
            Cancelled: it is to stop.
        """
        worker, run_id = self._worker, self._run_id
        worker.check_cancelled(run_id)
        if not samples(worker.run_paths(run_id)):
            raise WorkerError(
                "The run has no samples.",
                title="Nothing to judge",
                hint="Give the same `run start` again: it samples what is missing.",
            )
        writer = self._writer
        self.askings = writer.begin(run_id)
        if writer.elsewhere:
            worker.note(
                f"{writer.elsewhere} samples answer prompts that the definition no longer has: "
                "they are not judged",
                run_id,
            )
        if writer.cached:
            worker.note(f"{writer.cached} verdicts are read from replies that are there", run_id)
        self._started = time.monotonic()
        self._say()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what was judged."""
        writer = self._writer
        writer.flush()
        if missing := writer.causes.total():
            told = ", ".join(f"{number:,} {cause}" for cause, number in by_count(writer.causes))
            self._worker.note(
                f"{missing:,} of {plural(writer.total, 'verdict')} {are(missing)} missing: {told}",
                self._run_id,
            )
        if writer.causes["cut"]:
            self._worker.note(
                "what was cut may need a higher max_tokens of the judge", self._run_id
            )
        if writer.failed:
            self._worker.note(
                f"{plural(writer.failed, 'verdict')} failed; the next `wgen-tui grade judge` "
                "asks again",
                self._run_id,
            )

    def record(self, asking: Asking, reply: Reply, message: str | None = None) -> None:
        """Take a reply; `message` goes with how far the run is."""
        self._writer.record(asking, reply)
        self._judged += len(asking.verdicts)
        self._say(message)

    def poll(self) -> None:
        """Write now and then, and stop here if the run is to stop.

        Raises:
            Cancelled: it is.
        """
        self._worker.check_cancelled(self._run_id)
        self._writer.flush_in_time()

    def _say(self, message: str | None = None) -> None:
        writer = self._writer
        rate = self._judged / max(time.monotonic() - self._started, 1e-9)
        done = writer.done + writer.failed
        more: dict[str, Any] = {"rate": rate} if self._judged else {}
        if message is not None:
            more["message"] = message
        self._worker.progress(self._run_id, done, writer.total, UNIT, **more)
