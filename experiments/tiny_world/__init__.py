"""The tiny world: the generated corpus behind the embedded model, its grammar and its weights.

Standard library and PyYAML only; the builder that trains the model is a worker's business
(`wgen_tui.workers.tiny_world`).
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "weights"


def weights_path() -> Path:
    """The folder of the shipped model, as `from_pretrained` takes it."""
    return WEIGHTS
