"""Whom judge launches have asked, in a line for each, so that a plan need not read them all.

Promises: derived from launches/*/launch.json; what the file lacks is read there and added by the
next commit, so it may be removed at any time. What an experiment asked first stays: the commit of a
hub model, and the precision in which a model is loaded, whatever machine plans later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from pydantic import ValidationError

from wgen_tui.paths import ID_PATTERN, Home
from wgen_tui.plain_files import append_plain, read_plain
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.launches import LaunchSpec
from wgen_tui.protocol.record import Record

MARK = "judge"  # in the names of judge launches


class AskedModel(Record):
    """A model as a launch asks it.

    Attributes:
        asker: Names who is asked and how.
        endpoint: The server's address; None for a model that is loaded.
        by_probability: Whether nothing is generated.
    """

    asker: str
    location: str
    revision: str | None = None
    commit: str | None = None
    endpoint: str | None = None
    precision: str | None = None
    load_in: str | None = None
    by_probability: bool = False


class AskedLaunch(Record):
    """One judge launch; by rules, it asks no model."""

    launch_id: str
    experiment: str
    models: tuple[AskedModel, ...] = ()


class AskedBefore:
    """The judge launches of a home, oldest first."""

    def __init__(self, home: Home) -> None:
        """Read the lines, and those launches alone that have none."""
        self._home = home
        names = _listed(home)
        lines = {item.launch_id: item for item in _lines(home) if item.launch_id in names}
        self._new = [item for name in names if name not in lines for item in _read(home, name)]
        every = [*lines.values(), *self._new]
        self.launches = sorted(every, key=lambda item: item.launch_id)

    def keep(self) -> None:
        """Add the lines that are missing; the caller holds `queue_lock`.

        Raises:
            OSError: the file cannot be written.
        """
        if self._new:
            with append_plain(self._home.judge_launches) as stream:
                lines = (f"{item.model_dump_json(exclude_defaults=True)}\n" for item in self._new)
                stream.write("".join(lines).encode())
        self._new = []

    def pinned(self, experiment: str, asked: AskedJudge) -> AskedModel | None:
        """A model as this experiment has asked it first; None where it never did."""
        for model in self._of(experiment):
            if _same_weights(model, asked) and model.load_in == asked.judge.load_in:
                return model
        return None

    def commit(self, experiment: str, location: str, revision: str | None) -> AskedModel | None:
        """A hub model as this experiment has asked it first, however it was loaded."""
        for model in self._of(experiment):
            if (model.location, model.revision) == (location, revision):
                return model
        return None

    def by(self, askers: Iterable[str]) -> Iterator[AskedLaunch]:
        """Launches that asked exactly these, newest first."""
        wanted = set(askers)
        for launch in reversed(self.launches):
            if {model.asker for model in launch.models} == wanted:
                yield launch

    def _of(self, experiment: str) -> Iterator[AskedModel]:
        return (
            model
            for launch in self.launches
            if launch.experiment == experiment
            for model in launch.models
        )


def keep_asked(home: Home) -> None:
    """Note the launches that were just written; the caller holds `queue_lock`."""
    try:
        AskedBefore(home).keep()
    except OSError:
        return  # the launches themselves say it; the next commit tries again


def asked_model(asked: AskedJudge) -> AskedModel:
    """A judge's model as it is kept."""
    model = asked.model
    return AskedModel(
        asker=asked.asker,
        location=model.location,
        revision=model.revision,
        commit=model.commit,
        endpoint=None if model.endpoint is None else model.endpoint.base_url,
        precision=asked.precision,
        load_in=asked.judge.load_in,
        by_probability=asked.judge.by_probability,
    )


def _same_weights(model: AskedModel, asked: AskedJudge) -> bool:
    ref = asked.model
    return (model.location, model.revision, model.commit, model.endpoint) == (
        ref.location,
        ref.revision,
        ref.commit,
        None,
    )


def _listed(home: Home) -> list[str]:
    """The names of judge launches."""
    try:
        names = [entry.name for entry in os.scandir(home.launches)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if MARK in name and ID_PATTERN.fullmatch(name))


def _lines(home: Home) -> Iterator[AskedLaunch]:
    try:
        lines = read_plain(home.judge_launches).splitlines()
    except OSError:
        return
    for line in lines:
        try:
            yield AskedLaunch.model_validate_json(line)
        except ValidationError:
            continue  # torn, or of another version: the launch itself is read


def _read(home: Home, name: str) -> Iterator[AskedLaunch]:
    try:
        spec = LaunchSpec.model_validate_json(read_plain(home.launch(name).spec))
    except (OSError, ValidationError):
        return  # told where launches are listed
    panel = None if spec.judge is None else spec.judge.panel
    models = () if panel is None else tuple(asked_model(item) for item in panel.judges)
    yield AskedLaunch(launch_id=name, experiment=spec.experiment, models=models)
