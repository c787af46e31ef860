"""Which packages a GPU day needs beside those of the machine: for wheels.sh and for run.sh.

Promises: what the machine has is left as it is unless its version does not do; of `GIVEN` nothing
is ever brought. What is needed is found by following the requirements of pyproject.toml and of
every wheel that is brought; what is missing is named, with who needs it.

    python packages.py download FOLDER   the requirements that no wheel in FOLDER meets, one a line
    python packages.py install FOLDER    the wheels in FOLDER to install here, one a line
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import sys_tags
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).parents[2]
TRL = "verify"  # the extra
# A machine with a GPU has these: large, or built for its own hardware.
GIVEN = frozenset(
    {
        *("accelerate", "huggingface-hub", "numpy", "nvidia-ml-py", "peft", "psutil", "pyarrow"),
        *("safetensors", "scipy", "tokenizers", "torch", "transformers"),
    }
)
# Wheels are for this Python, whichever one downloads them.
TARGET = {"python_version": "3.12", "python_full_version": "3.12.0", "sys_platform": "linux"}


@dataclass(frozen=True)
class Package:
    """An installed package or a wheel, and what it requires."""

    version: str
    requires: tuple[str, ...]
    wheel: Path | None = None


@dataclass
class Needs:
    """What following the requirements found.

    Attributes:
        wheels: To install, by name.
        missing: What nothing meets: the requirement -> why.
    """

    wheels: dict[str, Package] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def project(*extras: str) -> list[tuple[Requirement, str]]:
    """What this project requires, with some of its extras; each with who requires it."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [
        *table["dependencies"],
        *(x for e in extras for x in table["optional-dependencies"][e]),
    ]
    return [(Requirement(line), "wgen-tui") for line in lines]


def installed(name: str) -> Package | None:
    """The package of this Python."""
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None
    return Package(found.version, tuple(found.requires or ()))


def wheels(folder: Path, *, fit: bool) -> dict[str, Package]:
    """The wheels of a folder, by name; with `fit` only those for this Python."""
    tags = frozenset(sys_tags()) if fit else None
    packages = {}
    for path in sorted(folder.glob("*.whl")):
        name, version, _, its_tags = parse_wheel_filename(path.name)
        if tags is not None and tags.isdisjoint(its_tags):
            continue
        with zipfile.ZipFile(path) as archive:
            inside = next(x for x in archive.namelist() if x.endswith(".dist-info/METADATA"))
            requires = message_from_bytes(archive.read(inside)).get_all("Requires-Dist") or ()
        packages[str(name)] = Package(str(version), tuple(requires), path)
    return packages


def follow(
    requirements: Iterable[tuple[Requirement, str]],
    here: Callable[[str], Package | None] | None,
    brought: Mapping[str, Package],
) -> Needs:
    """Follow requirements to all that they need.

    Args:
        requirements: Each with who requires it.
        here: The packages of the machine; None if it is another one, which has `GIVEN`.
        brought: The wheels that may be installed, by name.
    """
    needs = Needs()
    queue = deque(requirements)
    seen = set()
    while queue:
        requirement, whose = queue.popleft()
        name = canonicalize_name(requirement.name)
        if str(requirement) in seen or (here is None and name in GIVEN):
            continue
        seen.add(str(requirement))
        found = needs.wheels.get(name) or (here(name) if here else None)
        wheel = None if name in GIVEN else brought.get(name)
        chosen = next((x for x in (found, wheel) if x is not None and _meets(x, requirement)), None)
        if chosen is None:
            has = f", here is {found.version}" if found else ""
            needs.missing[_bare(requirement)] = f"{whose} needs it{has}"
            continue
        if chosen.wheel is not None:
            needs.wheels[name] = chosen
        extras = frozenset(requirement.extras)
        for line in chosen.requires:
            # What the machine has is taken to be whole: of it, only what an extra adds is followed.
            if _applies(Requirement(line), extras, also_plain=chosen.wheel is not None):
                queue.append((Requirement(line), f"{name} {chosen.version}"))
    return needs


def _meets(package: Package, requirement: Requirement) -> bool:
    return requirement.specifier.contains(package.version, prereleases=True)


def _applies(requirement: Requirement, extras: frozenset[str], *, also_plain: bool) -> bool:
    """Whether a package's requirement holds when it is asked for with these extras."""
    if requirement.marker is None:
        return also_plain
    if requirement.marker.evaluate({**TARGET, "extra": ""}):
        return also_plain
    return any(requirement.marker.evaluate({**TARGET, "extra": extra}) for extra in extras)


def _bare(requirement: Requirement) -> str:
    return f"{requirement.name}{requirement.specifier}"


def main(words: list[str]) -> int:
    """Print what is to be downloaded or installed; 1 if something to install is missing."""
    what, folder = words[0], Path(words[1])
    if what == "download":
        for line in follow(project(TRL), None, wheels(folder, fit=False)).missing:
            print(line)
        return 0
    brought = wheels(folder, fit=True)
    needs = follow(project(TRL), installed, brought)
    for line, why in needs.missing.items():
        print(f"Missing: {line} ({why}).", file=sys.stderr)
    if needs.missing:
        needs = follow(project(), installed, brought)
        if not needs.missing:
            print("All of it for TRL alone: it goes without TRL.", file=sys.stderr)
    for package in needs.wheels.values():
        print(package.wheel)
    return 1 if needs.missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
