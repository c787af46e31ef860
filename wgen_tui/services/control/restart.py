"""Resume and retry: new launches for what the old ones left undone, from their own records.

Promises: the definition is not read again, so a run resumes exactly as it was started; what is done
is not done twice, since workers skip it; what is under way is left alone; runs that are trained as
one go on as one; what a run needs of another comes before it where that failed, and is waited for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.launches import STAGES, JudgeStage, LaunchSpec, new_launch_id
from wgen_tui.protocol.record import now
from wgen_tui.run_files.manifests import final_checkpoint
from wgen_tui.run_files.parents import parent_checkpoint
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.queue import signal_run
from wgen_tui.services.runs.run_state import is_pending_for
from wgen_tui.services.runs.runs import get_run, launches_of, read_spec
from wgen_tui.services.runs.writer import add_launches
from wgen_tui.services.supervisor.notify import mark_given

Chain = tuple[str, ...]


def restart_runs(home: Home, run_ids: Sequence[str]) -> tuple[LaunchSpec, ...]:
    """Write launches that finish these runs.

    Returns:
        The launches, in order; those of runs that are finished or under way are not among them.

    Raises:
        UsageError: a run has no launch to resume, or the home cannot be written.
    """
    launches = Launches(home)
    chains: dict[Chain, list[str]] = defaultdict(list)
    for run_id in _with_others(home, run_ids):
        if chain := _unfinished(home, launches, run_id):
            chains[chain].append(run_id)
    copies: list[LaunchSpec] = []
    moved: list[LaunchView] = []
    trained: dict[str, str] = {}  # the launch that trains a run anew
    for chain, members in chains.items():
        views = [launches.refresh(chain)[name] for name in chain]
        copies += _copies(views, members, _parents_launches(home, launches, members, trained))
        for copy in copies:
            if copy.stage == "train":
                trained |= dict.fromkeys(copy.run_ids, copy.launch_id)
        moved += [view for view in views if view.spec.notify is not None]
    add_launches(home, copies)
    for chain, members in chains.items():
        for run_id in members:  # what is still to come of the old launches is the copies' now
            signal_run(home, launches, chain, run_id, "cancel")
    for view in moved:  # the copy gives notice
        mark_given(view)
    return tuple(copies)


def _with_others(home: Home, run_ids: Iterable[str]) -> list[str]:
    """The runs, those that are trained as one with them, and before each what it goes on from."""
    every: dict[str, None] = {}
    for run_id in run_ids:
        spec = read_spec(home, run_id)
        if spec is None:
            raise UsageError(f"{home.run(run_id).spec} cannot be read.", title="Unreadable run")
        for parent in _untrained_parents(home, run_id):
            if get_run(home, parent).retryable:
                every.update(dict.fromkeys(_with_others(home, [parent])))
        every[run_id] = None
        if spec.task is not None:
            every.update(dict.fromkeys(spec.task.runs))
    return list(every)


def _untrained_parents(home: Home, run_id: str) -> list[str]:
    """The runs that one is made of or learns from that are there without such a checkpoint."""
    spec = read_spec(home, run_id)
    if spec is None:
        return []
    lacks = [parent.run_id for parent in spec.parents if parent_checkpoint(home, parent) is None]
    teacher = None if spec.derived is None else spec.derived.teacher_run
    if teacher is not None and final_checkpoint(home.run(teacher), skip_refused=True) is None:
        lacks.append(teacher)
    return [name for name in dict.fromkeys(lacks) if read_spec(home, name) is not None]


def _parents_launches(
    home: Home, launches: Launches, run_ids: Iterable[str], trained: Mapping[str, str]
) -> Chain:
    """The launches that train what runs go on from: new ones, or such as are pending."""
    waits: dict[str, None] = {}
    parents = (parent for run_id in run_ids for parent in _untrained_parents(home, run_id))
    for parent in dict.fromkeys(parents):
        if parent in trained:
            waits[trained[parent]] = None
        else:
            own = launches.refresh(launches_of(home, parent))
            every = launches.with_predecessors(own)
            for view in own.values():
                if view.spec.stage == "train" and is_pending_for(view, parent, every):
                    waits[view.launch_id] = None
    return tuple(waits)


def _unfinished(home: Home, launches: Launches, run_id: str) -> Chain:
    """The newest launches of a run, from the first that did not finish it; may be empty."""
    names = launches_of(home, run_id)  # as they were made, whatever the clock said
    launched = launches.refresh(names)
    views = [launched[name] for name in names if name in launched]
    every = launches.with_predecessors({view.launch_id: view for view in views})
    newest = {_work(view.spec): view for view in views}
    ordered = sorted(newest.values(), key=lambda view: STAGES.index(view.spec.stage))
    for place, view in enumerate(ordered):
        outcome = view.outcome(run_id)
        if is_pending_for(view, run_id, every):
            return ()  # under way
        if outcome is None or outcome.outcome != "finished":
            return tuple(item.launch_id for item in ordered[place:])
    return ()


def _work(spec: LaunchSpec) -> tuple[object, ...]:
    """What a launch does: its stage, and of judges that are models which of them judge what."""
    panel = None if spec.judge is None else spec.judge.panel
    if panel is None:
        return (spec.stage,)
    return (spec.stage, *(item.rubric for item in panel.judges), panel.samples, panel.limit)


def _is_pilot(spec: LaunchSpec) -> bool:
    """Whether which samples it judges depends on all of its runs."""
    panel = None if spec.judge is None else spec.judge.panel
    return panel is not None and panel.limit is not None


def _paid_from(old: LaunchSpec) -> JudgeStage | None:
    """The judge stage of a copy: what is left of a budget, not another one."""
    stage = old.judge
    if stage is None or stage.panel is None or stage.panel.budget is None:
        return stage
    counted = {"paid_from": stage.panel.paid_from or old.launch_id}
    return stage.model_copy(update={"panel": stage.panel.model_copy(update=counted)})


def _copies(views: Sequence[LaunchView], run_ids: Sequence[str], before: Chain) -> list[LaunchSpec]:
    """Copies of the launches, for these runs alone; the first waits for those `before`."""
    copies: list[LaunchSpec] = []
    created_at = now()
    for view in views:
        old = view.spec
        limits = {"stack": view.queue.stack or old.stack, "rows": view.queue.rows or old.rows}
        copy = old.model_copy(
            update={
                "launch_id": new_launch_id(created_at, STAGES.index(old.stage), old.stage),
                "run_ids": old.run_ids if _is_pilot(old) else tuple(run_ids),
                "after": before,
                "created_at": created_at,
                "judge": _paid_from(old),
                **limits,
            }
        )
        copies.append(copy)
        if old.judge is None or old.judge.panel is None:  # judges that are models wait for no other
            before = (copy.launch_id,)
    return copies
