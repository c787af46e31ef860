"""Judge launches of earlier commands that failed, and that no later one has taken up.

Promises: a judge that failed is named until it is asked again for at least as much, whatever other
judges are asked meanwhile, and with the command that goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wgen_tui.paths import Home
from wgen_tui.protocol.judging import Panel
from wgen_tui.run_files.run_folders import launches_of
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView


@dataclass(frozen=True, slots=True)
class UnfinishedJudging:
    """A judge launch that failed.

    Attributes:
        judges: Their names.
        why: How it ended, in a few words.
        command: What goes on with it.
    """

    launch_id: str
    judges: tuple[str, ...]
    why: str
    command: str

    @property
    def sentence(self) -> str:
        """What failed, why, and how it goes on."""
        whose = "its launch" if len(self.judges) == 1 else "their launch"
        names = ", ".join(self.judges)
        return f"{names}: {whose} {self.launch_id} {self.why}; go on with `{self.command}`"


def unfinished_judging(own: Sequence[LaunchView], run_id: str) -> list[UnfinishedJudging]:
    """Those of a run, oldest first.

    Args:
        own: The launches that serve it, oldest first.
        run_id: The run.
    """
    failed: list[UnfinishedJudging] = []
    asked: set[tuple[object, ...]] = set()
    for view in reversed(own):
        panel = None if view.spec.judge is None else view.spec.judge.panel
        if panel is None:
            continue
        names = [item.judge.name for item in panel.judges]
        left = [name for name in names if not asked & {(name, None, None), _work(name, panel)}]
        why = _why(view, run_id)
        if left and why:
            command = _command(view.spec.experiment, left, panel)
            failed.append(UnfinishedJudging(view.launch_id, tuple(left), why, command))
        asked |= {_work(name, panel) for name in names}
    return failed[::-1]


def unfinished_in(
    home: Home, run_ids: Iterable[str], judges: Iterable[str]
) -> Iterator[tuple[UnfinishedJudging, list[str]]]:
    """Those of several runs, of judges that the definition has, with the runs that each is of."""
    launches, known = Launches(home), set(judges)
    runs: dict[UnfinishedJudging, list[str]] = {}
    for run_id in run_ids:
        names = launches_of(home, run_id)
        views = launches.refresh(names)
        for item in unfinished_judging([views[name] for name in names if name in views], run_id):
            if known.intersection(item.judges):
                runs.setdefault(item, []).append(run_id)
    yield from sorted(runs.items(), key=lambda pair: pair[0].launch_id)


def _work(name: str, panel: Panel) -> tuple[object, ...]:
    """A judge and which samples it is to judge; without limits that is all there is."""
    return name, panel.samples, panel.limit


def _why(view: LaunchView, run_id: str) -> str:
    """How a launch failed a run; empty where it did not."""
    if run_id in view.stopped_runs:
        return ""
    outcome = view.outcome(run_id)
    if outcome is None:
        return "died" if view.state == "lost" else ""
    if outcome.outcome != "failed":
        return ""
    return f"failed ({outcome.title})" if outcome.title else "failed"


def _command(experiment: str, names: Sequence[str], panel: Panel) -> str:
    words = ["wgen-tui grade judge", experiment, *(f"--judge {name}" for name in names)]
    if panel.samples is not None:
        words.append("--where …")
    if panel.limit is not None:
        words.append(f"--limit {panel.limit}")
    if panel.budget is not None:
        words.append(f"--budget {panel.budget:g}")
    return " ".join(words)
