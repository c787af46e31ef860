"""The judge stage of a launch whose judges are a model that is loaded here.

Promises: the model is loaded once, and only if there is something to ask; what is on disk is not
asked again; what was judged is kept, whatever ends the work.
"""

from __future__ import annotations

import importlib.util

from accelerate import PartialState

from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge, Panel
from wgen_tui.run_files.model_place import located
from wgen_tui.run_files.verdict_writer import VerdictWriter
from wgen_tui.workers.model_judge.engine import JudgeEngine
from wgen_tui.workers.model_judge.progress import JudgedRun
from wgen_tui.workers.models import Base, LoadAs, load_base
from wgen_tui.workers.runtime import Worker, WorkerError
from wgen_tui.workers.sample.engine.state_check import refuse_lost_state


def judge(worker: Worker) -> None:
    """Judge every run of a launch."""
    panel = worker.spec.judge.panel if worker.spec.judge is not None else None
    if panel is None or not panel.judges:
        raise WorkerError("The launch names no judges that are models.", title="Empty launch")
    spec = worker.spec
    writer = VerdictWriter(worker.home, spec.experiment, spec.launch_id, spec.run_ids, panel)
    loader = _Loader(worker, panel)
    for run_id in spec.run_ids:
        with worker.run(run_id), JudgedRun(worker, writer, run_id) as run:
            if run.askings:
                for asking, reply in loader.engine().answer(run.askings, run.poll):
                    run.record(asking, reply)


class _Loader:
    """Loads the model when it is first needed; where that fails it fails every run alike."""

    def __init__(self, worker: Worker, panel: Panel) -> None:
        self._worker = worker
        self._panel = panel
        self._engine: JudgeEngine | None = None
        self._error: Exception | None = None

    def engine(self) -> JudgeEngine:
        if self._error is not None:
            raise self._error
        if self._engine is None:
            try:
                self._engine = self._load()
            except Exception as error:
                self._error = error
                raise
        return self._engine

    def _load(self) -> JudgeEngine:
        worker = self._worker
        base = _load_model(self._worker.home, self._panel)
        refuse_lost_state(base)
        worker.emit("ready", message=base.reason)
        print(base.reason, flush=True)
        return JudgeEngine(base, worker.note, worker.spec.rows)


def _load_model(home: Home, panel: Panel) -> Base:
    """The model of all the panel's judges.

    Raises:
        WorkerError: they have no one model, or it cannot be loaded.
    """
    first = panel.judges[0]
    for asked in panel.judges:
        if _loaded(asked) != _loaded(first):
            raise WorkerError(
                f"Judges {first.judge.name!r} and {asked.judge.name!r} are loaded differently.",
                title="Two models",
                hint="A launch judges with one: `wgen-tui grade judge` plans one for each.",
            )
    kind = first.judge.load_in
    if kind is not None and importlib.util.find_spec("bitsandbytes") is None:
        raise WorkerError(
            f"Judge {first.judge.name!r}: load_in: {kind} needs bitsandbytes.",
            title="Cannot quantise",
            hint="pip install 'wgen-tui[quant]', or leave load_in out.",
        )
    loading = LoadAs(first.precision or "auto", kind or "none")
    return load_base(located(home, first.model), loading, None, PartialState().device)


def _loaded(asked: AskedJudge) -> tuple[object, ...]:
    model = asked.model
    return model.location, model.exact_revision, asked.precision, asked.judge.load_in
