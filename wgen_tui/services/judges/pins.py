"""What a judge's hash depends on and the definition leaves open: a model's commit, its precision.

Promises: what the experiment asked first stays, so that its verdicts stay one judge's; else the
precision is that of the device on which the model will be loaded, not of the machine that plans.
"""

from __future__ import annotations

from typing import Literal

from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.judges.asked_before import AskedBefore
from wgen_tui.services.models.hub import commit_of
from wgen_tui.services.runs.process import has_gpu

Precision = Literal["fp32", "bf16", "fp16"]


class Pins:
    """What one experiment's judges are held to."""

    def __init__(self, home: Home, experiment: str, slurm: SlurmSettings | None) -> None:
        """Read what was asked before.

        Args:
            home: Where.
            experiment: Whose judges.
            slurm: What is asked of Slurm; None where models are loaded on this machine.
        """
        self._before = AskedBefore(home)
        self._experiment = experiment
        self._slurm = slurm

    def commit(self, model: ModelRef) -> ModelRef:
        """A hub model at the commit at which it was asked first, else at today's."""
        if not model.from_hub:
            return model
        first = self._before.commit(self._experiment, model.location, model.revision)
        commit = commit_of(model)[0] if first is None else first.commit
        return model.model_copy(update={"commit": commit})

    def precision(self, asked: AskedJudge) -> AskedJudge:
        """A judge with the precision in which its model is loaded; a server's has none."""
        if asked.model.endpoint is not None:
            return asked
        first = self._before.pinned(self._experiment, asked)
        if first is None or first.precision is None:
            return asked.model_copy(update={"precision": self._of_device()[0]})
        return asked.model_copy(update={"precision": first.precision})

    def loaded(self, asked: AskedJudge) -> str:
        """In which precision, and why; "" for a server's."""
        if asked.precision is None:
            return ""
        first = self._before.pinned(self._experiment, asked)
        why = self._of_device()[1]
        if first is not None and first.precision is not None:
            why = "as this experiment asked it first"
        return f"{asked.precision} ({why})"

    def _of_device(self) -> tuple[Precision, str]:
        if self._slurm is None:
            return ("bf16", "there is a GPU") if has_gpu() else ("fp32", "there is no GPU here")
        asks = self._slurm.gres
        if asks is not None and "gpu" in asks:
            return "bf16", f"Slurm gives a GPU: gres {asks}"
        return "fp32", "Slurm is asked for no GPU: there is no gres"
