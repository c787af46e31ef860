"""What the parts of a GPU day share: the device, the sizes, the time that is left."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from tests.builders.sizes import QWEN3
from tests.gpu.report import Report
from wgen_tui.workers.peak import peak_memory_mb
from wgen_tui.workers.runtime import is_out_of_memory

Found = TypeVar("Found")
RESET_PEAK = Path("/proc/self/clear_refs")  # 5: what VmHWM says begins again


class OutOfTimeError(BaseException):
    """The part's time is up.

    No Exception: a worker makes those the outcome of the run at hand, and goes on.
    """


@dataclass(frozen=True)
class Sizes:
    """How large things are: for a GPU, or for a CPU that only shows that the script works.

    Attributes:
        models: Shapes to measure, by name: what `Qwen3Config` takes.
        stacks: Adapters in one stack.
        row_tokens: Tokens of a training row; the first are like bird rows.
        rows: Rows of each run.
        steps: Steps that are timed, after `warm` that are not.
        warm: Steps before the clock starts.
        draws: Draws of each prompt while sampling is timed.
        draw_tokens: Tokens of each draw.
        check_steps: Steps of each training whose result is compared.
    """

    models: Mapping[str, Mapping[str, Any]]
    stacks: tuple[int, ...]
    row_tokens: tuple[int, ...]
    rows: int
    steps: int
    warm: int
    draws: tuple[int, ...]
    draw_tokens: int
    check_steps: int


# Qwen3-0.6B and Qwen3-8B, from their published config.json.
GPU = Sizes(
    models={
        "0.6B": {key: value for key, value in QWEN3.items() if key != "model_type"},
        "8B": {
            "hidden_size": 4096,
            "intermediate_size": 12_288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151_936,
            "tie_word_embeddings": False,
        },
    },
    stacks=(1, 4, 16, 32),
    row_tokens=(25, 512),
    rows=208,
    steps=20,
    warm=5,
    draws=(1, 16),
    draw_tokens=32,
    check_steps=40,
)
TINY = Sizes(
    models={
        "tiny": {
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "vocab_size": 2048,
            "tie_word_embeddings": True,
        }
    },
    stacks=(1, 4),
    row_tokens=(12, 32),
    rows=16,
    steps=6,
    warm=2,
    draws=(1,),
    draw_tokens=8,
    check_steps=10,
)


@dataclass
class Session:
    """One GPU day.

    Attributes:
        device: Where to compute.
        sizes: How large things are.
        folder: For what the parts write; removed at the end.
        report: What was found.
        ends: When the part at hand must be done (`time.monotonic`).
    """

    device: torch.device
    sizes: Sizes
    folder: Path
    report: Report
    ends: float = field(default=float("inf"))

    @property
    def on_gpu(self) -> bool:
        return self.device.type == "cuda"

    @property
    def left(self) -> float:
        """Seconds until the part at hand must be done."""
        return self.ends - time.monotonic()

    def need(self, seconds: float) -> None:
        """Go on only if there is time.

        Raises:
            OutOfTimeError: Fewer seconds than this are left.
        """
        if self.left < seconds:
            raise OutOfTimeError(f"needs {seconds:.0f} s, {max(self.left, 0):.0f} s were left")

    def attempt(
        self, part: str, what: str, seconds: float, do: Callable[[], Found]
    ) -> Found | None:
        """Do one measurement, or say why it is left out: time, or memory.

        Args:
            part: Whose it is.
            what: What is measured.
            seconds: What it will take.
            do: Measures.

        Returns:
            What was measured; None where it was left out.
        """
        try:
            self.need(seconds)
        except OutOfTimeError as error:
            self.report.left_out(part, what, f"time: {error}")
            return None
        self.free()
        try:
            return do()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).strip().splitlines()[0][:200]
        # Out here the error is gone, and with it the frames that hold the tensors.
        self.free()
        self.report.left_out(part, what, f"memory: {reason}")
        return None

    def synchronize(self) -> None:
        """Wait for the device."""
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def peak_mb(self) -> float:
        """The most memory that was held since the last `free`, in units of 2**20 bytes.

        On a GPU what torch's allocator has reserved; else what of the process was resident.
        """
        return peak_memory_mb()

    def free(self) -> None:
        """Give back what nobody uses any more."""
        gc.collect()
        if self.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        else:
            with suppress(OSError):  # only Linux can
                RESET_PEAK.write_text("5")
