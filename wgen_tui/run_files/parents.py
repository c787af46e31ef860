"""The checkpoint that a run goes on from, and why there is none.

Promises: a parent that was not trained is named with how its own training ended, as its launches'
files have it.
"""

from __future__ import annotations

from wgen_tui.paths import Home
from wgen_tui.protocol.arms import Parent
from wgen_tui.protocol.launches import read_done
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.run_files.manifests import checkpoints
from wgen_tui.run_files.run_folders import launches_of


def parent_checkpoint(home: Home, parent: Parent) -> CheckpointManifest | None:
    """The manifest of the checkpoint that is gone on from; None where it is not there (yet)."""
    kept = checkpoints(home.run(parent.run_id))
    if parent.step is not None:
        return kept.get(parent.step)
    return next((manifest for manifest in kept.values() if manifest.final), None)


def how_it_ended(home: Home, run_id: str) -> str:
    """How the last training of a run ended, in words; empty where nothing says so."""
    for name in reversed(launches_of(home, run_id)):
        done = read_done(home.launch(name).done)
        outcome = done.runs.get(run_id) if done is not None else None
        if outcome is not None and outcome.outcome != "finished":
            said = (outcome.outcome, outcome.title, outcome.message)
            return ": ".join(part for part in said if part)
    return ""
