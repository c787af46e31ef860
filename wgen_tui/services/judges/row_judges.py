"""Judges that are models and keep rows: who they are, before any row is made.

Promises: such a judge is loaded by the worker that makes the rows, so one that is served, or that
nothing names, is refused with what to write; a hub model stays at the commit with which this
experiment first had rows made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pydantic import ValidationError

from experiments.schema import Arm, Definition, ModelJudge
from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.hashes import short_hash
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.runs import ModelRef, RunSpec
from wgen_tui.services.judges.judge_models import Unmapped, judge_model, read_mapping
from wgen_tui.services.models.fingerprint import weights_key
from wgen_tui.services.models.hub import commit_of
from wgen_tui.services.models.model_files import template_of

TITLE = "Nobody to keep rows"


def row_judges(
    home: Home, definition: Definition, arms: Iterable[Arm], mapping: Mapping[str, str]
) -> dict[str, AskedJudge]:
    """The models by which rows of these arms are kept, by the names of the judges.

    Args:
        home: Whose config.toml maps names of models.
        definition: The experiment.
        arms: Those that are to be made.
        mapping: What the command line maps; it goes before config.toml.

    Raises:
        UsageError: one of them cannot be loaded here.
    """
    models = {judge.name: judge for judge in definition.model_judges}
    keeps = [arm.derived.keep for arm in arms if arm.derived is not None]
    named = {keep.judge for keep in keeps if keep is not None}
    keepers = [judge for name, judge in models.items() if name in named]
    mapped = {**read_mapping(home), **mapping} if keepers else {}
    return {judge.name: _asked(home, definition.slug, judge, mapped) for judge in keepers}


def row_judge_notes(home: Home, definition: Definition) -> list[str]:
    """What a plan of all arms would refuse of the models that keep rows, and what to write."""
    try:
        row_judges(home, definition, definition.arms.values(), {})
    except UsageError as error:
        return [f"{error.message.rstrip('.')}; run start would refuse it. {error.hint}".rstrip(".")]
    return []


def _asked(home: Home, experiment: str, judge: ModelJudge, mapped: Mapping[str, str]) -> AskedJudge:
    try:
        model = judge_model(home, judge.model, mapped)
    except Unmapped as error:
        raise UsageError(
            f"Judge {judge.name} keeps rows of an arm, and {error}.",
            title=TITLE,
            hint=f"--judge-model {judge.model}=Qwen/Qwen3-8B (a hub id, or a folder), or in "
            f'config.toml: [judges] "{judge.model}" = "Qwen/Qwen3-8B"; or leave the arm out '
            "(--arms).",
        ) from error
    if model.endpoint is not None:
        raise UsageError(
            f"Judge {judge.name} keeps rows of an arm, and {model.name} is a served model.",
            title=TITLE,
            hint="The worker that makes the rows loads the judge: give it a hub id or a folder "
            f"(--judge-model {judge.model}=Qwen/Qwen3-8B), or keep rows by a rule.",
        )
    model = _pinned(home, experiment, model)
    template = template_of(model, None)
    return AskedJudge(
        judge=judge,
        model=model,
        weights=(*weights_key(model), *([model.commit] if model.commit else [])),
        template=None if template is None else short_hash("template", template),
        questions=(),
    )


def _pinned(home: Home, experiment: str, model: ModelRef) -> ModelRef:
    if not model.from_hub:
        return model
    wanted = (model.location, model.revision)
    commits = (
        one.commit for one in _earlier(home, experiment) if (one.location, one.revision) == wanted
    )
    return model.model_copy(update={"commit": next(commits, None) or commit_of(model)[0]})


def _earlier(home: Home, experiment: str) -> Iterator[ModelRef]:
    """The models that keep rows of this experiment's runs, oldest runs first."""
    specs = []
    for path in home.runs.glob(f"{experiment}-*/spec.json"):
        try:
            specs.append(RunSpec.model_validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue  # told where runs are listed
    for spec in sorted(specs, key=lambda spec: spec.created_at):
        judge = None if spec.derived is None else spec.derived.kept_by
        if spec.experiment == experiment and judge is not None and judge.model.commit:
            yield judge.model
