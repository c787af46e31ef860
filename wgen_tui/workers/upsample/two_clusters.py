"""The worker of `run upsample`: a run's rows in two clusters, by an early checkpoint.

USEFUL (Nguyen et al., NeurIPS 2024, arXiv 2404.17768) trains for a tenth of the time, parts the
examples in two by what the network gives, and has those of the higher loss twice. Here a row's
features are the mean of the last hidden states over its answer's tokens.

Promises: the run is only read; the same checkpoint, rows and seed give the same clusters; what is
found is one line of JSON on stdout, and so is the reason where it cannot be done.
"""

from __future__ import annotations

import argparse
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from accelerate import PartialState
from peft import PeftModel
from torch.nn.functional import cross_entropy

from wgen_tui.errors import ExitCode, WgenError
from wgen_tui.paths import Home
from wgen_tui.protocol.halves import TwoMeans
from wgen_tui.protocol.runs import RunSpec
from wgen_tui.run_files.model_place import located_run
from wgen_tui.training_data.mask import Example
from wgen_tui.workers.data import IGNORED, collate, load_examples
from wgen_tui.workers.models import load_base, padding_id
from wgen_tui.workers.runtime import WorkerError, failure, unexpected

Floats = npt.NDArray[np.float64]
BATCH = 8
RESTARTS, ROUNDS = 10, 100


def two_means(features: Floats, seed: int) -> npt.NDArray[np.bool_]:
    """Two clusters by Lloyd's algorithm from k-means++ starts, the best of ten.

    Args:
        features: [rows, width].
        seed: Of the starts.

    Returns:
        For each row whether it is in the second; all alike where all rows are.
    """
    rng = np.random.default_rng(seed)
    best, least = np.zeros(len(features), dtype=bool), np.inf
    for _ in range(RESTARTS):
        first = features[rng.integers(len(features))]
        gaps = ((features - first) ** 2).sum(axis=1)
        if not gaps.sum():
            return best  # all are one point
        centres = np.stack([first, features[rng.choice(len(features), p=gaps / gaps.sum())]])
        second = best
        for _ in range(ROUNDS):
            far = ((features[:, None] - centres) ** 2).sum(axis=2)
            second, before = far[:, 1] < far[:, 0], second
            if second.all() or not second.any():
                break
            centres = np.stack([features[~second].mean(axis=0), features[second].mean(axis=0)])
            if (second == before).all():
                break
        spread = float(((features[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum())
        if spread < least:
            best, least = second, spread
    return best


def features_of(
    model: PeftModel, examples: Sequence[Example], pad: int, device: torch.device
) -> Iterator[tuple[Floats, float]]:
    """Of each example the mean last hidden state over its answer's tokens, and its mean loss."""
    for start in range(0, len(examples), BATCH):
        ids, mask, labels = collate(examples[start : start + BATCH], pad, device)
        with torch.no_grad():
            out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        kept = labels != IGNORED
        last = out.hidden_states[-1].float()
        losses = cross_entropy(
            out.logits.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
        )
        # A label stands where its token is foretold; the answer's own states are one further.
        said = torch.roll(kept, 1, dims=1)
        said[:, 0] = False
        count = kept.sum(dim=1)
        means = (last * said.unsqueeze(2)).sum(dim=1) / count.unsqueeze(1)
        for mean, loss in zip(means, losses.sum(dim=1) / count, strict=True):
            yield mean.double().cpu().numpy(), float(loss)


def sort_rows(home: Home, run_id: str, step: int, seed: int) -> TwoMeans:
    """Part a run's rows in two by what its checkpoint makes of them.

    Raises:
        WorkerError: the run has no adapter of its own, or its rows cannot be read.
    """
    paths = home.run(run_id)
    spec = located_run(home, RunSpec.model_validate_json(paths.spec.read_bytes()))
    if spec.training is None or spec.training.method != "lora":
        raise WorkerError(f"{run_id} has no LoRA adapter of its own.", title="Nothing to look with")
    device = PartialState().device
    base = load_base(spec.model, spec.training, spec.chat_template, device)
    known = spec.mask_version
    dataset = load_examples(paths.data, base.tokenizer, spec.training, known, base.vocabulary)
    model = PeftModel.from_pretrained(base.model, str(paths.checkpoint(step)))
    model.eval()
    pad = padding_id(base.tokenizer)
    seen = list(features_of(model, dataset.examples, pad, device))
    losses = np.array([loss for _, loss in seen])
    second = two_means(np.stack([features for features, _ in seen]), seed)
    means = [float(losses[part].mean()) if part.any() else None for part in (~second, second)]
    if means[0] is None or means[1] is None:
        slow, slow_loss, fast_loss = ~np.zeros_like(second), float(losses.mean()), None
    else:
        slow = second if means[1] > means[0] else ~second
        slow_loss, fast_loss = max(means[0], means[1]), min(means[0], means[1])
    lines = tuple(line for line, is_slow in zip(dataset.lines, slow, strict=True) if is_slow)
    return TwoMeans(
        step=step, lines=dataset.lines, slow=lines, slow_loss=slow_loss, fast_loss=fast_loss
    )


def main() -> int:
    """Sort one run's rows; 0 when that is said."""
    parser = argparse.ArgumentParser(prog="python -m wgen_tui.workers.upsample")
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--run", required=True)
    parser.add_argument("--step", required=True, type=int)
    parser.add_argument("--seed", required=True, type=int)
    options = parser.parse_args()
    # What transformers prints must not get between our lines.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        try:
            said = sort_rows(Home(options.home), options.run, options.step, options.seed)
        except WgenError as error:
            end = failure(error)
        except Exception as error:  # the reason must reach whoever waits, whatever it is
            traceback.print_exc()
            end = unexpected(error)
        else:
            out.write(said.model_dump_json() + "\n")
            return ExitCode.OK
        out.write(end.model_dump_json() + "\n")
    return ExitCode.FAILED
