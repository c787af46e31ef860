"""The names of experiments, before any definition has been read.

Promises: importing this loads nothing of what reads a definition: a list shows its names at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from experiments.folders import list_definitions
from wgen_tui.paths import Home

if TYPE_CHECKING:
    from experiments.errors import Problem
    from experiments.schema import Arm

DEMO = "tiny-old-bird-names"  # the definition that `wgen-tui demo` runs
MINIATURES = "tiny-"  # how the names of those begin that ship and run on the embedded model


@dataclass(frozen=True, slots=True)
class ExperimentInfo:
    """One line of the list of experiments.

    A broken definition has `error`, all its `problems` and little else; one that is still `unread`
    has its name.
    """

    slug: str
    title: str
    path: Path
    builtin: bool
    source: str
    arms: dict[str, Arm] = field(default_factory=dict)
    seeds: tuple[int, ...] = ()
    models: tuple[str, ...] = ()
    scales: tuple[str, ...] = ()
    error: str | None = None
    unread: bool = False
    miniature: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def is_demo(self) -> bool:
        """Whether it is what `wgen-tui demo` runs."""
        return self.slug == DEMO

    @property
    def shelf(self) -> Literal["field", "miniature", "yours"]:
        """Where it stands: of the field for real models, of the tiny world, or the user's own."""
        if not self.builtin:
            return "yours"
        return "miniature" if self.miniature else "field"

    @property
    def place(self) -> tuple[str, bool]:
        """Sorts a list: shelf by shelf, the demo's experiment first of the miniatures."""
        return self.shelf, not (self.miniature and self.is_demo)


def list_names(home: Home) -> list[ExperimentInfo]:
    """Every definition by slug, unread; of those that ship, names tell the miniatures."""
    return [
        ExperimentInfo(
            *(entry.slug, "", entry.path, entry.builtin, ""),
            unread=True,
            miniature=entry.builtin and entry.slug.startswith(MINIATURES),
        )
        for entry in list_definitions(home.experiments)
    ]
