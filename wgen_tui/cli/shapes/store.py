"""The database as JSON: `store`'s commands, and `sql`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from wgen_tui.cli.shapes.base import Output, Shape


class StoreInfo(Output):
    """`store info`."""

    file: Path = Field(examples=["wgen.duckdb"])
    bytes: int = Field(examples=[2371584])
    rows: dict[str, int] = Field(examples=[{"<view>": 1}])


class StoreProblem(Shape):
    """One way in which files and database differ."""

    what: str = Field(examples=["damaged | missing | surplus | different | double"])
    where: str = Field(examples=["file or table"])
    detail: str


class StoreVerified(Output):
    """`store verify`."""

    ok: bool = Field(examples=[True])
    problems: list[StoreProblem]
    leftovers: list[str] = Field(
        default=[],
        description="temporary files of killed processes, which count for nothing",
        examples=[["runs/<run>/samples/.part-0.tmp"]],
    )


class StoreRebuilt(Output):
    """`store rebuild`."""

    parts: int = Field(examples=[52])
    rows: dict[str, int] = Field(examples=[{"<table>": 4800}])
    damaged: dict[str, str] = Field(examples=[{"<file>": "why"}])
    forgotten: list[str] = Field(examples=[["run"]])
    kept: str | None = Field(examples=["where the old database was kept"])


class MergedRun(Shape):
    """A run of the other home."""

    id: str = Field(validation_alias="name", examples=["names-old-s0-3733491a4a"])
    what: Literal["new", "updated", "same", "conflict", "live"] = Field(validation_alias="status")
    why: str = Field(examples=["for a conflict, or what is at work in one of the homes"])
    checkpoints: list[int] = Field(examples=[[120]])
    samples: int = Field(examples=[480])
    bytes: int = Field(examples=[281733])


class MergedLaunch(Shape):
    """A launch of the other home."""

    id: str = Field(validation_alias="name", examples=["20260131-120000-0train-90ab12cd34"])
    what: str = Field(validation_alias="status", examples=["new | updated | same"])


class MergedExperiment(Shape):
    """An experiment of the other home."""

    slug: str = Field(validation_alias="name", examples=["names"])
    what: str = Field(validation_alias="status", examples=["new | same | conflict"])
    why: str = Field(examples=[""])


class MergeConflict(Shape):
    """Why something was not taken."""

    kind: Literal["run", "experiment", "journal"]
    name: str = Field(examples=["names-old-s0-3733491a4a"])
    why: str
    step: int | None = Field(examples=[120])
    ours: str | None = Field(examples=["SHA-256 of the adapter here"])
    theirs: str | None = Field(examples=["and there; null for other conflicts"])


class Merged(Output):
    """`store merge`."""

    other: Path = Field(examples=["folder"])
    dry_run: bool
    runs: list[MergedRun]
    launches: list[MergedLaunch]
    grades: int = Field(examples=[60])
    experiments: list[MergedExperiment]
    conflicts: list[MergeConflict]
    ingested: bool = Field(examples=[True])


class QueryRows(Output):
    """`sql`: written row by row by `store.console`, since a result need not fit in memory."""

    columns: list[str] = Field(examples=[["arm"]])
    types: list[str] = Field(examples=[["VARCHAR"]])
    rows: list[list[Any]] = Field(examples=[[["old"]]])


class ViewColumn(Shape):
    """A column of a view."""

    name: str = Field(examples=["arm"])
    type: str = Field(examples=["VARCHAR"])
    comment: str


class View(Shape):
    """A view that can be queried."""

    name: str = Field(examples=["samples"])
    comment: str
    columns: list[ViewColumn]


class Views(Output):
    """`sql --schema`."""

    views: list[View]
