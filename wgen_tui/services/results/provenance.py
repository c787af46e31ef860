"""Provenance of a run: what it was trained with, and whether its adapter is proven and verified.

Promises: all of it is read from the run's and its launches' files; asking writes nothing and loads
no model; what was not recorded is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from wgen_tui.paths import Home
from wgen_tui.protocol.launches import NO_EFFECT, NOT_TRAINED, LaunchSpec, RunOutcome
from wgen_tui.protocol.runs import RunSpec, Verification
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.services.results import verify
from wgen_tui.services.results.warnings import last_loading
from wgen_tui.services.runs.launch_list import Launches
from wgen_tui.services.runs.launch_state import LaunchView
from wgen_tui.services.runs.runs import launches_of, read_spec, run_names, short_names

ProofState = Literal["proven", "refuted", "not loaded", "no adapter"]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found when the adapter was last loaded to be sampled.

    Attributes:
        launch_id: The launch that loaded it.
        why: Of a refuted one: what the worker found, and what to do.
    """

    state: ProofState
    launch_id: str | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """All that is recorded of how a run was made.

    Attributes:
        short_name: The hash that ends its id, which commands take too.
        steps: Its complete checkpoints.
        final: Whether the last of them ends the training.
        training: What the worker noted in the newest checkpoint: engine, stack, padding, resumes.
        trained_on: What the worker said once the base was loaded: device, precision and why.
        trained_by: The launch that said so.
        verification: Of the adapter that is there now.
        unverifiable: Why `run verify` would refuse; empty where it would not.
        over_steps: Whether a launch of it samples several checkpoints.
    """

    spec: RunSpec
    short_name: str
    steps: tuple[int, ...]
    final: bool
    training: dict[str, Any]
    trained_on: str
    trained_by: str | None
    proof: Proof
    verification: Verification | None
    unverifiable: str
    over_steps: bool


class Archive:
    """Finds the provenance of runs; asking again costs only what has changed. For any thread."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._launches = Launches(home)
        self._lock = Lock()

    def provenance(self, run_id: str) -> Provenance | None:
        """How a run was made; None when it is gone, or of another version."""
        spec = read_spec(self._home, run_id)
        if spec is None:
            return None
        saved = checkpoints(self._home.run(run_id), skip_refused=True)
        newest = list(saved.values())[-1] if saved else None
        with self._lock:
            views = self._launches.refresh(launches_of(self._home, run_id)).values()
            view = _trainer(views)
            proof = self._proof(spec)
        refused = verify.refusal(self._home, spec)
        return Provenance(
            spec=spec,
            short_name=short_names(run_names(self._home))[run_id],
            steps=tuple(saved),
            final=newest is not None and newest.final,
            training=newest.provenance if newest is not None else {},
            trained_on=view.events.ready_message if view is not None else "",
            trained_by=view.launch_id if view is not None else None,
            proof=proof,
            verification=verify.read(self._home, run_id),
            unverifiable=str(refused) if refused is not None else "",
            over_steps=_over_steps(view.spec for view in views),
        )

    def _proof(self, spec: RunSpec) -> Proof:
        if spec.training is None:
            return Proof("no adapter")
        view, outcome = last_loading(self._launches, self._home, spec.run_id)
        if view is None or outcome is None:
            return Proof("not loaded")
        if outcome.title in (NO_EFFECT, NOT_TRAINED):
            return Proof("refuted", view.launch_id, _said(outcome))
        if outcome.outcome == "finished":
            return Proof("proven", view.launch_id)
        return Proof("not loaded")


def _trainer(views: Iterable[LaunchView]) -> LaunchView | None:
    """The newest train launch that loaded a base."""
    said = [view for view in views if view.spec.stage == "train" and view.events.ready_message]
    return said[-1] if said else None


def _over_steps(launches: Iterable[LaunchSpec]) -> bool:
    """Whether they sample several checkpoints of a run."""
    asked: set[str | int] = set()
    for launch in launches:
        steps = "all" if launch.during is not None else launch.sample and launch.sample.checkpoints
        asked |= {steps} if isinstance(steps, str) else set(steps or ())
    return "all" in asked or len(asked) > 1


def _said(outcome: RunOutcome) -> str:
    return " ".join(part for part in (outcome.message, outcome.hint) if part)
