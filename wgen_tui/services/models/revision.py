"""One experiment, one revision: the commit of a hub model that all of its runs are given.

Promises: the first plan resolves the revision to a commit; every later plan, top-up and preview of
the experiment keeps to it, and says so when the revision stands for another one by now. Runs that
were planned before commits were kept stay as they are, and are named.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef, RunSpec
from wgen_tui.services.models.fingerprint import weights_key
from wgen_tui.services.models.hub import commit_of
from wgen_tui.training_data.mask_version import MASK_VERSION


def earlier_runs(home: Home, experiment: str, model: ModelRef) -> Iterator[RunSpec]:
    """The runs of an experiment and these weights that are planned already."""
    for path in sorted(home.runs.glob(f"{experiment}-*/spec.json")):
        try:
            spec = RunSpec.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # told where runs are listed
        if spec.experiment == experiment and weights_key(spec.model) == weights_key(model):
            yield spec


def lowest_mask_version(home: Home, experiment: str, model: ModelRef) -> int:
    """The lowest version of masks with which runs of an experiment were planned; else today's."""
    trained = (spec for spec in earlier_runs(home, experiment, model) if spec.training is not None)
    return min((spec.mask_version for spec in trained), default=MASK_VERSION)


def pinned(home: Home, experiment: str, model: ModelRef) -> tuple[ModelRef, list[str]]:
    """A hub model with the commit that this experiment's runs use, and what to say of it.

    Any other model, and one whose commit nothing tells, comes back as it is.
    """
    if not model.from_hub:
        return model, []
    now, by_whom = commit_of(model)
    before = sorted(earlier_runs(home, experiment, model), key=lambda spec: spec.created_at)
    kept = list(dict.fromkeys(spec.model.commit for spec in before if spec.model.commit))
    commit = kept[0] if kept else now
    name = model.revision or "main"
    notes = []
    if not kept and commit not in (None, model.revision):
        notes.append(f"{model.location}: {name} is commit {commit}{by_whom} for all runs")
    if now is not None and commit is not None and now != commit:
        notes.append(
            f"{model.location}: {name} stands for {now} by now; this experiment's runs stay at "
            f"{commit}. For the new one, give --model {model.location}@{now}"
        )
    if len(kept) > 1:
        notes.append(f"{model.location}: there are runs at several commits: {', '.join(kept)}")
    if loose := sum(spec.model.unpinned for spec in before):
        notes.append(
            f"{model.location}: {loose} runs were planned before commits were kept; which weights "
            "they had is not known"
        )
    return model.model_copy(update={"commit": commit}), notes
