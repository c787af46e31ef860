"""The checkpoint of another run that an adapter comes from: there, and as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wgen_tui.paths import Home
from wgen_tui.protocol.arms import Parent
from wgen_tui.run_files.parents import how_it_ended, parent_checkpoint
from wgen_tui.workers.checkpoints import ADAPTER, damaged
from wgen_tui.workers.runtime import WorkerError


def checkpoint_of(home: Home, parent: Parent, what: str) -> tuple[Path, dict[str, Any]]:
    """The checkpoint of another run, and what is noted of it.

    Args:
        home: The home.
        parent: Which.
        what: How it is used, as a sentence begins.

    Raises:
        WorkerError: it is not there, or not as it was written.
    """
    manifest = parent_checkpoint(home, parent)
    if manifest is None:
        ended = how_it_ended(home, parent.run_id)
        raise WorkerError(
            f"{what} {parent}, which is not there." + (f" That training {ended}" if ended else ""),
            title="Parent not trained",
            hint="`wgen-tui run retry` of this run tries that one again before it.",
        )
    folder = home.run(parent.run_id).checkpoint(manifest.step)
    if (name := damaged(folder, manifest.files)) is not None:
        raise WorkerError(
            f"{what} {parent}, whose {name} is not as it was written.",
            title="Parent damaged",
            hint=f"Remove {folder} and train that run again.",
        )
    noted = {
        "run": parent.run_id,
        "step": manifest.step,
        "adapter_sha256": manifest.files.get(ADAPTER),
    }
    return folder, noted
