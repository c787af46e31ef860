"""Where the benches keep their homes: as written, and as ingested by the code that is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.scale import homes
from tests.benchmarks.scale.processes import task
from wgen_tui.paths import Home

_INGESTED: set[Path] = set()


@dataclass(frozen=True)
class Place:
    """Where homes are kept, and of which size.

    Attributes:
        folder: Below it everything is kept and made.
        samples: How many are asked for.
    """

    folder: Path
    samples: int

    @property
    def files(self) -> Home:
        """The home as its writers left it: nothing of it is ingested."""
        return homes.kept(self.folder, self.samples)

    @property
    def scratch(self) -> Path:
        """A folder for what is thrown away."""
        path = self.folder / f"scratch-{self.samples}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def ingested(self) -> Home:
        """A copy that is ingested by the code that is measured; made once in a run."""
        root = self.folder / f"{self.samples}-ingested"
        if root not in _INGESTED:
            home = homes.copied(self.files, root)
            task("ingest", home.root)
            _INGESTED.add(root)
        return Home(root)
