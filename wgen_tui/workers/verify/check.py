"""The worker of `run verify`: train a finished run again with stock TRL and PEFT, and compare.

Promises: the run is only read, but for verify.json, which is written whole or not at all; the
comparison stands beside a measured floor, the same stock training with its batches padded longer
or with eager attention, which changes nothing but rounding. Events, and the reason where it cannot
be done, go to stdout, a line of JSON each; all else that a library may say goes to stderr.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import time
import traceback
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import torch
from accelerate import PartialState
from peft import LoraConfig
from safetensors.torch import load_file

from experiments.schema import TrainingConfig
from wgen_tui.errors import ExitCode, WgenError
from wgen_tui.paths import Home, RunPaths
from wgen_tui.protocol.launches import Event
from wgen_tui.protocol.record import Record, now, write_record
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec, Verification
from wgen_tui.run_files.manifests import final_checkpoint
from wgen_tui.run_files.model_place import located_run
from wgen_tui.training_data.chat_lines import read_chat
from wgen_tui.training_data.mask import Chat
from wgen_tui.training_data.texts import trained_chat
from wgen_tui.workers.data import Dataset, load_examples
from wgen_tui.workers.models import Base, drops_at_random, load_base
from wgen_tui.workers.runtime import PROGRESS_SECONDS, WorkerError, failure, unexpected
from wgen_tui.workers.train.start import start_folder
from wgen_tui.workers.verify.between import verify_between
from wgen_tui.workers.verify.compare import difference, scaling
from wgen_tui.workers.verify.mask_check import check_mask
from wgen_tui.workers.verify.trl import (
    TrlTraining,
    our_order,
    pick_padding,
    same_order,
    train,
)

ADAPTER = "adapter_model.safetensors"
FP32_LIMIT = 1e-4  # of the update
FP32_FLOORS = 10
UNROUNDED = 1e-9  # a floor below has not changed the rounding of a single float32
FP32_COARSE = 2e-3
COARSE_FLOORS = 3
HALF_FLOORS = 2  # bf16, fp16
VERSIONS = ("torch", "transformers", "peft", "trl", "accelerate")


class Verifier:
    """One run's verification."""

    def __init__(self, home: Home, run_id: str, out: TextIO) -> None:
        self._home = home
        self._paths: RunPaths = home.run(run_id)
        self._out = out
        self._said = 0.0
        self._eager = False  # whether the floor is by another attention
        spec = RunSpec.model_validate_json(self._paths.spec.read_bytes())
        self.spec = located_run(home, spec)
        if self.spec.training is None:
            raise WorkerError(f"{run_id} is the untrained base.", title="Nothing was trained")
        self.training: TrainingConfig = self.spec.training
        self._device: torch.device = PartialState().device
        self._chats = self._read_chats() if self.spec.between is None else []
        self._start, self._started_from = start_folder(home, self.spec.parent)

    def say(self, record: Record) -> None:
        """A line of JSON to whoever started this."""
        self._out.write(record.model_dump_json(exclude_none=True) + "\n")
        self._out.flush()

    def run(self, *, floor: bool) -> Verification:
        """Train with TRL, once or twice, and compare; what is not trained PEFT makes again."""
        started = time.monotonic()
        final = self._final()
        if self.spec.between is not None:
            return verify_between(self._home, self._load(), self.spec, final, self.spec.between)
        steps = final.step
        folder = self._paths.checkpoint(steps)
        base = self._load()
        precision, tokenizer = base.precision, base.tokenizer
        if precision != "fp32" and not floor:
            raise WorkerError(
                f"A run in {precision} can only be judged beside its floor.",
                title="No floor, no verdict",
                hint="Leave out --no-floor.",
            )
        if drops_at_random(base.model):
            raise WorkerError(
                f"{self.spec.model.name} drops out (or jitters) at random while it trains, as its "
                "config.json says: two trainings agree only in distribution.",
                title="Not comparable",
                hint="Set these rates in the model's config.json to 0, and train again.",
            )
        self.say(Event(at=now(), kind="ready", message=base.reason))
        mask, equal = check_mask(tokenizer, self._chats)
        known = self.spec.mask_version
        dataset = load_examples(self._paths.data, tokenizer, self.training, known)
        _refuse_weights(dataset)
        order = our_order(dataset, self.training, self.spec.seeds.data_order, steps)
        stock = self._train(base, dataset, steps, "TRL")
        del base  # before another is loaded
        gap = difference(
            load_file(folder / ADAPTER),
            stock.final,
            stock.initial,
            # Each adapter by its own file: a wrong alpha in ours is a difference too.
            scaling(LoraConfig.from_pretrained(str(folder))),
            stock.scale,
        )
        padding = pick_padding(order) if floor else None
        bottom = None if padding is None else self._floor(dataset, steps, stock, padding)
        limit = tolerance(precision, bottom)
        in_order = same_order(order, stock.order)
        return Verification(
            run_id=self.spec.run_id,
            created_at=now(),
            steps=steps,
            precision=precision,
            device=self._device.type,
            difference=gap.overall,
            worst=gap.worst,
            worst_module=gap.module,
            floor=bottom,
            padding=padding,
            limit=limit,
            passed=gap.overall <= limit and in_order,
            same_order=in_order,
            mask=mask,
            mask_equal=equal,
            notes=(*dataset.notes, *self._notes(final, bottom)),
            adapter_sha256=final.files[ADAPTER],
            seconds=time.monotonic() - started,
            versions={name: version(name) for name in VERSIONS},
        )

    def write(self, verification: Verification) -> None:
        write_record(self._paths.verification, verification)

    def _read_chats(self) -> list[Chat]:
        data = self._paths.data.read_bytes()
        if self.spec.data_sha256 not in (None, hashlib.sha256(data).hexdigest()):
            raise WorkerError(
                "data.jsonl is not the file that the run was planned with.", title="Other data"
            )
        lines = data.decode().split("\n")
        return [trained_chat(read_chat(line), self.training) for line in lines if line.strip()]

    def _final(self) -> CheckpointManifest:
        if (final := final_checkpoint(self._paths)) is None:
            raise WorkerError("The run has no final checkpoint.", title="Not trained yet")
        return final

    def _load(self) -> Base:
        return load_base(self.spec.model, self.training, self.spec.chat_template, self._device)

    def _floor(self, dataset: Dataset, steps: int, stock: TrlTraining, padding: int) -> float:
        padded = self._train(self._load(), dataset, steps, "TRL, padded longer", padding)
        gap = difference(padded.final, stock.final, stock.initial, padded.scale, stock.scale)
        if gap.overall > UNROUNDED:
            return gap.overall
        # Where padding rounds nothing otherwise (on a CPU, say, with rows of one length), the order
        # of another attention's sums does.
        base = self._load()
        base.model.set_attn_implementation("eager")
        eager = self._train(base, dataset, steps, "TRL, eager attention")
        self._eager = True
        gap = difference(eager.final, stock.final, stock.initial, eager.scale, stock.scale)
        return gap.overall

    def _train(
        self, base: Base, dataset: Dataset, steps: int, what: str, padding: int | None = None
    ) -> TrlTraining:
        try:
            return train(
                base,
                dataset,
                self.training,
                self.spec.seeds,
                steps,
                self._progress(what, steps),
                padding,
                self._start,
            )
        finally:
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()

    def _progress(self, what: str, steps: int) -> Callable[[int], None]:
        started = time.monotonic()

        def on_step(step: int) -> None:
            moment = time.monotonic()
            if step < steps and moment - self._said < PROGRESS_SECONDS:
                return
            self._said = moment
            rate = step / max(moment - started, 1e-9)
            self.say(
                Event(
                    at=now(),
                    kind="progress",
                    run_id=self.spec.run_id,
                    message=what,
                    unit="steps",
                    done=step,
                    total=steps,
                    rate=rate,
                )
            )

        return on_step

    def _notes(self, final: CheckpointManifest, floor: float | None) -> list[str]:
        notes = []
        if self.spec.parent is not None:
            notes.append(f"both trainings began with the adapter at {self.spec.parent}")
            if final.provenance.get("start_from") != self._started_from["start_from"]:
                notes.append("that adapter is not the one that this run began with: it was changed")
        if self._eager:
            notes.append(
                "longer padding rounds nothing otherwise here: the floor is TRL's with eager "
                "attention"
            )
        if _sha256(self._paths.checkpoint(final.step) / ADAPTER) != final.files[ADAPTER]:
            notes.append("the adapter is not the file that its manifest names: it was changed")
        if (floor or 0.0) > FP32_COARSE:
            notes.append(
                f"rounding alone moves this run by {floor:.1%}: what is smaller cannot be seen here"
            )
        if self.training.quantization != "none":
            notes.append(
                "on a quantised base TRL holds its adapter in bf16; this run held it in fp32"
            )
        return notes


def _refuse_weights(dataset: Dataset) -> None:
    if count := sum(example.weights is not None for example in dataset.examples):
        raise WorkerError(
            f"{count} of {len(dataset.examples)} examples have a loss_weight, and TRL's loss knows "
            "none: there is nothing to compare with.",
            title="Not comparable",
            hint="Such a loss is tested against a plain PyTorch loop.",
        )


def tolerance(precision: str, floor: float | None) -> float:
    """What the difference may be.

    In fp32 1e-4 or ten floors. Some runs magnify rounding (Adam gives a gradient that is all
    rounding a whole step), and ten floors would let anything pass: beyond 0.2% three must do. In
    bf16 and fp16 two floors.
    """
    floor = floor or 0.0
    if precision != "fp32":
        return HALF_FLOORS * floor
    return max(FP32_LIMIT, min(FP32_FLOORS * floor, max(FP32_COARSE, COARSE_FLOORS * floor)))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main() -> int:
    """Verify one run; 0 when the finding is written, whatever it is."""
    parser = argparse.ArgumentParser(prog="python -m wgen_tui.workers.verify")
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--run", required=True)
    parser.add_argument("--no-floor", action="store_true")
    options = parser.parse_args()
    # What TRL, datasets and transformers print must not get between our lines.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        try:
            verifier = Verifier(Home(options.home), options.run, out)
            verifier.write(verifier.run(floor=not options.no_floor))
        except WgenError as error:
            end = failure(error)
        except Exception as error:  # the reason must reach whoever waits, whatever it is
            traceback.print_exc()
            end = unexpected(error)
        else:
            return ExitCode.OK
        out.write(end.model_dump_json() + "\n")
    return ExitCode.FAILED
