"""Where the weights of a run's model are now: a home may be moved, and a checkout too.

Promises: what lay in the home, and what comes with the program, is found wherever they are; any
other folder is where the run says.
"""

from __future__ import annotations

from pathlib import Path

from experiments.tiny_world import weights_path
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef, RunSpec

EMBEDDED = "tiny-world"


def below_home(home: Home, folder: Path) -> str | None:
    """The path of a model's folder from the home's, if it is in it."""
    root = home.root.resolve()
    return str(folder.relative_to(root)) if folder.is_relative_to(root) else None


def located(home: Home, model: ModelRef) -> ModelRef:
    """A model, with the place where it is to be loaded from now."""
    if model.endpoint is not None or model.from_hub:
        return model
    if model.in_home is not None and (folder := home.root.resolve() / model.in_home).is_dir():
        return model.model_copy(update={"location": str(folder)})
    if model.name == EMBEDDED and not Path(model.location).is_dir():
        return model.model_copy(update={"location": str(weights_path())})
    return model


def located_run(home: Home, spec: RunSpec) -> RunSpec:
    """A run's spec, with the place of its model now."""
    model = located(home, spec.model)
    return spec if model == spec.model else spec.model_copy(update={"model": model})
