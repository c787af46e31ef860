"""The constraints of `make lowest`: what pyproject.toml claims to work with, at its lowest version.

Promises: every direct dependency, of the extras too, is pinned to its lower bound; the tools of
development stay as constraints.txt has them; all else is whatever goes with these.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
TOOLS = "dev"  # the extra whose own packages are not claimed to work at their lowest


def constraints(pyproject: str, tested: str) -> list[str]:
    """The lines of a constraints file.

    Args:
        pyproject: What pyproject.toml says.
        tested: What constraints.txt says.
    """
    project = tomllib.loads(pyproject)["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    of_extras = (line for extra in extras if extra != TOOLS for line in extras[extra])
    lowest = {_name(line): _lowest(line) for line in (*project["dependencies"], *of_extras)}
    tools = {_name(line) for line in extras[TOOLS]} - lowest.keys()
    pins = [line for line in tested.splitlines() if line and not line.startswith("#")]
    kept = [pin for pin in pins if _name(pin) in tools]
    return [*(f"{name}=={version}" for name, version in lowest.items()), *kept]


def _name(line: str) -> str:
    return canonicalize_name(Requirement(line).name)


def _lowest(line: str) -> str:
    requirement = Requirement(line)
    bounds = [x.version for x in requirement.specifier if x.operator in (">=", "==", "~=")]
    if len(bounds) != 1:
        raise ValueError(f"pyproject.toml: {requirement} has no lower bound")
    return str(bounds[0])


if __name__ == "__main__":
    text = (ROOT / "pyproject.toml").read_text(), (ROOT / "constraints.txt").read_text()
    print("\n".join(constraints(*text)))
