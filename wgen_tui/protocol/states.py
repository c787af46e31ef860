"""The stages of a launch and the states that it and its runs can be in.

Promises: importing this loads nothing else, so that the first frame can name a stage.
"""

from __future__ import annotations

from typing import Literal

Stage = Literal["train", "sample", "judge"]
STAGES: tuple[Stage, ...] = ("train", "sample", "judge")
# Of a run, and of a launch.
RunState = Literal["queued", "starting", "running", "finished", "failed", "cancelled", "lost"]
WORKING_STATES: frozenset[RunState] = frozenset({"starting", "running"})
LIVE_STATES: frozenset[RunState] = WORKING_STATES | {"queued"}
ENDED_STATES: frozenset[RunState] = frozenset({"finished", "failed", "cancelled", "lost"})
Outcome = Literal["finished", "failed", "cancelled"]
