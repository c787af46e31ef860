"""The rows that a run shows before every prompt, as they were written when it was planned.

Promises: a file that is not what was planned is refused, never shown. Imports no torch.
"""

from __future__ import annotations

from hashlib import sha256

from experiments.schema import Turn
from wgen_tui.paths import RunPaths
from wgen_tui.plain_files import read_plain
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.training_data.chat_lines import read_chat
from wgen_tui.workers.runtime import WorkerError


def read_shown(run: RunPaths, spec: RunSpec) -> tuple[tuple[Turn, ...], ...]:
    """The rows of a run's data.jsonl, in the order in which they are shown.

    Raises:
        WorkerError: they cannot be read, or are not those that were planned.
    """
    try:
        data = read_plain(run.data)
    except OSError as error:
        raise WorkerError(
            f"{run.data}, the rows to show in context, cannot be read: {error.strerror}.",
            title="No rows to show",
        ) from error
    if sha256(data).hexdigest() != spec.data_sha256:
        raise WorkerError(
            f"{run.data} is not what was planned: its rows were changed.",
            title="Changed data",
            hint="Remove the run and start it again.",
        )
    return tuple(read_chat(line) for line in data.decode().split("\n") if line)
