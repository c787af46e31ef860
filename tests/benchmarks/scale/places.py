"""Where the benches keep their homes: as written, and as ingested by the code that is measured.

`python -m tests.benchmarks.scale.places FOLDER --samples 1000000 [--tokens]` makes one to look at.

Promises: a home is complete or is made again; the one that is kept is never ingested nor changed;
an ingested copy was made by the commit that is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.checkout import commit
from tests.benchmarks.scale.definitions import Size
from tests.benchmarks.scale.homes import LAYOUT, make
from tests.benchmarks.scale.processes import task
from wgen_tui.paths import Home

_INGESTED: set[Path] = set()


def kept(
    folder: Path,
    samples: int,
    *,
    tokens: bool = False,
    part_rows: int | None = None,
    judged: bool = False,
) -> Home:
    """The home of so many samples below a folder, made if it is not there."""
    parts = f"-parts-{part_rows}" if part_rows else ""
    name = f"{samples}{'-tokens' * tokens}{parts}{'-judged' * judged}"
    root, mark = folder / name, folder / f"{name}.json"
    if mark.exists() and json.loads(mark.read_text())["layout"] == LAYOUT:
        return Home(root)
    mark.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    made = make(root, samples, tokens=tokens, part_rows=part_rows, judged=judged)
    seconds = time.monotonic() - began
    print(f"(made a home of {made:,} samples in {seconds:.0f} s: {root})", flush=True)
    told = {"layout": LAYOUT, "samples": made, "seconds": seconds, **asdict(Size.of(samples))}
    mark.write_text(json.dumps(told) + "\n")
    return Home(root)


def copied(home: Home, root: Path, *, without: tuple[str, ...] = ()) -> Home:
    """A copy of a home to be changed: parts, which nobody changes, are linked.

    Args:
        home: The home.
        root: Where the copy goes; what is there is removed.
        without: Names of files and folders that are left out.
    """
    shutil.rmtree(root, ignore_errors=True)

    def link(source: str, target: str) -> None:
        if Path(source).name.startswith("part-"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(
        home.root, root, copy_function=link, ignore=lambda _, names: set(names) & set(without)
    )
    return Home(root)


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
        return kept(self.folder, self.samples)

    @property
    def scratch(self) -> Path:
        """A folder for what is thrown away."""
        path = self.folder / f"scratch-{self.samples}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def ingested(self) -> Home:
        """A copy that is ingested by the code that is measured: once in a run, or by its commit."""
        root = self.folder / f"{self.samples}-ingested"
        mark, code = root.with_suffix(".json"), commit()
        changed = code.endswith("-dirty") or " " in code  # not a commit that can be named
        if root not in _INGESTED and (changed or not _says(mark, code)):
            mark.unlink(missing_ok=True)
            home = copied(self.files, root)
            task("ingest", home.root)
            mark.write_text(json.dumps({"layout": LAYOUT, "commit": code}) + "\n")
        _INGESTED.add(root)
        return Home(root)


def _says(mark: Path, code: str) -> bool:
    return mark.exists() and json.loads(mark.read_text()) == {"layout": LAYOUT, "commit": code}


def main() -> None:
    """Make a home and say where it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.scale.homes")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--tokens", action="store_true")
    given = parser.parse_args()
    print(kept(given.folder.absolute(), given.samples, tokens=given.tokens).root)


if __name__ == "__main__":
    main()
