"""Loads tokenizers, and says why a model cannot be loaded.

Promises: nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from transformers import AutoTokenizer

from wgen_tui.protocol.runs import ModelRef
from wgen_tui.workers.runtime import WorkerError, is_disk_full, is_out_of_memory


@contextmanager
def loading_in_words(ref: ModelRef) -> Iterator[None]:
    """What transformers says of a model that it cannot load becomes a message for people."""
    try:
        yield
    except UnpicklingError as error:
        raise WorkerError(
            f"The model {ref.name} cannot be loaded: its pickle holds more than weights.",
            title="Model not loaded",
            hint="That is refused even with --trust-pickle: it would run code. Convert it "
            "to safetensors where it was made.",
        ) from error
    except (OSError, ValueError) as error:
        if is_out_of_memory(error) or is_disk_full(error):
            raise  # nothing is wrong with the model: another attempt may load it
        text = str(error).strip().splitlines()[0]
        hint = "Look with `wgen-tui doctor` at HF_HOME, HF_TOKEN and offline mode."
        if "trust_remote_code" in str(error):
            hint = "If you trust its authors: run start … --trust-remote-code."
        elif ref.commit is not None:
            hint = (
                f"Its run is pinned to one commit: hf download {ref.location} --revision "
                f"{ref.commit}. {hint}"
            )
        raise WorkerError(
            f"The model {ref.name} cannot be loaded: {text}", title="Model not loaded", hint=hint
        ) from error


def load_tokenizer(ref: ModelRef, chat_template: str | None) -> Any:
    """The tokenizer, with a chat template.

    Raises:
        WorkerError: it cannot be loaded, is a slow one, or has no chat template.
    """
    if not ref.from_hub and not Path(ref.location).is_dir():
        raise WorkerError(
            f"The model {ref.name} cannot be loaded: there is no folder {ref.location}.",
            title="Model not loaded",
            hint="Put it back, or say where it is now: `wgen-tui run start EXPERIMENT --model "
            "FOLDER` goes on with the same runs, which know their model by its weights; of a judge "
            "`wgen-tui grade judge EXPERIMENT --judge-model NAME=FOLDER`.",
        )
    with loading_in_words(ref):
        tokenizer = AutoTokenizer.from_pretrained(
            ref.location, revision=ref.exact_revision, trust_remote_code=ref.trust_remote_code
        )
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    if not tokenizer.chat_template:
        raise WorkerError(
            f"The tokenizer of {ref.name} has no chat template.",
            title="No chat template",
            hint="Write one into experiment.yaml: chat_template: '{% for message in messages %}…'",
        )
    if not tokenizer.is_fast:
        raise WorkerError(
            f"The tokenizer of {ref.name} is a slow one: it does not tell which tokens a text has.",
            title="Slow tokenizer",
            hint="Convert it: AutoTokenizer.from_pretrained(…, from_slow=True).save_pretrained(…)",
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer
