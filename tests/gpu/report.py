"""What a GPU day found: checks, figures, what was left out; one table and one small JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

Kind = Literal["check", "figure", "left out"]
JSON_LIMIT = 1_000_000  # bytes


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        part: Which part it is from.
        what: What was checked or measured, in a few words.
        kind: A check fails the whole; a figure only tells; what was left out says why in `note`.
        ok: Of a check: whether it passed.
        value: What was found, with its unit.
        beside: What it is compared with: a bar, a floor, a peer's figure.
        note: What else a reader must know.
    """

    part: str
    what: str
    kind: Kind
    ok: bool | None = None
    value: str = ""
    beside: str = ""
    note: str = ""


@dataclass
class Report:
    """Everything that was found.

    Attributes:
        hardware: The line above the table.
        lines: In the order they were found.
        numbers: The unrounded figures, for the JSON, by part.
        seconds: How long each part took.
    """

    hardware: str
    lines: list[Line] = field(default_factory=list)
    numbers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> list[Line]:
        """The checks that failed."""
        return [line for line in self.lines if line.ok is False]

    def check(
        self, part: str, what: str, *, ok: bool, value: str = "", beside: str = "", note: str = ""
    ) -> None:
        """Note a check of correctness."""
        self._add(Line(part, what, "check", ok, value, beside, note))

    def figure(
        self,
        part: str,
        what: str,
        value: str,
        beside: str = "",
        note: str = "",
        numbers: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a measurement; `numbers` go to the JSON as they are."""
        self._add(Line(part, what, "figure", None, value, beside, note))
        if numbers is not None:
            self.numbers.setdefault(part, []).append({"what": what, **numbers})

    def left_out(self, part: str, what: str, why: str) -> None:
        """Note what was not done."""
        self._add(Line(part, what, "left out", None, "", "", why))

    def _add(self, line: Line) -> None:
        self.lines.append(line)
        mark = {True: "ok", False: "FAILED", None: line.kind}[line.ok]
        rest = "  ".join(filter(None, (line.value, line.beside, line.note)))
        print(f"  {mark:8s}  {line.part}: {line.what}  {rest}".rstrip(), flush=True)

    def print(self) -> None:
        """Print the table."""
        table = Table("part", "what", "result", "value", "beside", "note", title=self.hardware)
        for line in self.lines:
            result = {True: "ok", False: "FAILED", None: line.kind}[line.ok]
            table.add_row(line.part, line.what, result, line.value, line.beside, line.note)
        Console(width=160, soft_wrap=False).print(table)
        took = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in self.seconds.items())
        print(f"{len(self.failed)} of {sum(x.kind == 'check' for x in self.lines)} checks failed.")
        print(f"Took: {took}")

    def write(self, path: Path) -> None:
        """Write the JSON; the unrounded figures go first if it would be too long."""
        whole = {
            "hardware": self.hardware,
            "seconds": self.seconds,
            "lines": [asdict(line) for line in self.lines],
            "numbers": self.numbers,
        }
        text = json.dumps(whole, indent=1)
        if len(text.encode()) > JSON_LIMIT:
            whole["numbers"] = f"left out: {len(text.encode())} bytes together"
            text = json.dumps(whole, indent=1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
