"""Loading a base model and its tokenizer, with stock `from_pretrained`.

Promises: what was chosen (dtype, attention, quantisation) is said with its reason; code from a
model's repository runs only if the user asked for it; weights come from safetensors, or, if the
user asked for it, from a pickle of nothing but weights; what can go wrong is said in words.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import transformers
from transformers import AutoModelForCausalLM

from wgen_tui.protocol.runs import ModelRef
from wgen_tui.training_data.context_length import ContextLength, context_length
from wgen_tui.workers.runtime import WorkerError
from wgen_tui.workers.tokenizers import load_tokenizer, loading_in_words

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# What of a configuration draws at random in training, beside modules of dropout.
RANDOM_RATES = ("attention_dropout", "router_jitter_noise", "input_jitter_noise")
SMALL = 20_000_000  # parameters; below, more than one CPU thread costs more than it gives


class Loading(Protocol):
    """How a model is loaded; a `TrainingConfig` says so too."""

    @property
    def precision(self) -> str:
        """auto, fp32, bf16 or fp16."""

    @property
    def quantization(self) -> str:
        """none, 8bit or 4bit."""


@dataclass(frozen=True)
class LoadAs:
    """How a model is loaded that isn't trained."""

    precision: str = "auto"
    quantization: str = "none"


@dataclass
class Base:
    """A loaded base model.

    Attributes:
        model: The model, in eval mode, nothing to be trained.
        tokenizer: With the chat template that will be used.
        device: Where it is.
        precision: "fp32", "bf16" or "fp16".
        reason: What was chosen and why, a line.
    """

    model: Any
    tokenizer: Any
    device: torch.device
    precision: str
    reason: str

    @property
    def context(self) -> ContextLength | None:
        """How long a text the model was made for."""
        return context_length(self.model.config.get_text_config().to_dict())

    @property
    def vocabulary(self) -> int | None:
        """For how many tokens there are embeddings."""
        size = getattr(self.model.get_input_embeddings(), "num_embeddings", None)
        return None if size is None else int(size)

    @property
    def engine(self) -> str:
        """What computes: stored with every sample."""
        return (
            f"transformers {transformers.__version__} / torch {torch.__version__} "
            f"{self.device.type} {self.precision}"
        )


def pick_precision(wanted: str, device: torch.device) -> tuple[str, str]:
    """The precision to load in, and why."""
    if wanted != "auto":
        return wanted, "as the definition says"
    if device.type != "cuda":
        return "fp32", "there is no GPU"
    if torch.cuda.is_bf16_supported():
        return "bf16", "the GPU has it"
    return "fp16", "the GPU has no bf16"


def padding_id(tokenizer: Any) -> int:
    """The token to pad with; any does, since what is padded is masked."""
    pad = tokenizer.pad_token_id
    return 0 if pad is None else int(pad)


def _quantization(training: Loading | None) -> Any:
    kind = training.quantization if training is not None else "none"
    if kind == "none":
        return None
    if importlib.util.find_spec("bitsandbytes") is None:
        raise WorkerError(
            f"quantization: {kind} needs bitsandbytes.",
            title="Cannot quantise",
            hint="pip install 'wgen-tui[quant]', or set quantization: none.",
        )
    if kind == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def _attention(model: Any) -> str:
    """Settle which attention the model computes with: which one, and why."""
    chosen = str(model.config._attn_implementation)
    if getattr(model.config.get_text_config(), "attn_logit_softcapping", None) is not None:
        if chosen == "sdpa":  # transformers 5.17, say, chooses it and drops the cap
            model.set_attn_implementation("eager")
            chosen = "eager"
        return f"{chosen} attention (this architecture caps its logits, which sdpa cannot)"
    if chosen == "sdpa":
        return "sdpa attention (PyTorch's own: exact, no extra package)"
    return f"{chosen} attention (this architecture has no sdpa in transformers)"


def drops_at_random(model: Any) -> bool:
    """Whether the base itself drops anything while it trains, as its configuration says."""
    config = getattr(model, "config", None)
    rates = [getattr(config, name, 0.0) or 0.0 for name in RANDOM_RATES]
    rates += [module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)]
    return any(rates)


def load_base(
    ref: ModelRef,
    training: Loading | None,
    chat_template: str | None,
    device: torch.device,
) -> Base:
    """Load a base model for training or sampling.

    Args:
        ref: Which model.
        training: Gives precision and quantisation; None means the defaults.
        chat_template: Used instead of the tokenizer's.
        device: Where to put it.

    Raises:
        WorkerError: it cannot be loaded; the message says why.
    """
    tokenizer = load_tokenizer(ref, chat_template)
    wanted = training.precision if training is not None else "auto"
    precision, why = pick_precision(wanted, device)
    quantization = _quantization(training)
    options: dict[str, Any] = {"quantization_config": quantization} if quantization else {}
    with loading_in_words(ref):
        model = AutoModelForCausalLM.from_pretrained(
            ref.location,
            revision=ref.exact_revision,
            trust_remote_code=ref.trust_remote_code,
            dtype=DTYPES[precision],
            # None: safetensors where there are any. transformers unpickles weights only.
            use_safetensors=None if ref.trust_pickle else True,
            **options,
        )
    # What FSDP is to shard may be too large for one GPU; it takes each its part from here.
    if quantization is None and os.environ.get("ACCELERATE_USE_FSDP") != "true":
        model = model.to(device)
    model.eval().requires_grad_(False)
    count = sum(parameter.numel() for parameter in model.parameters())
    if count < SMALL:
        torch.set_num_threads(1)
    reason = (
        f"{ref.name}: {count / 1e6:.1f} M parameters on {device.type} in {precision} ({why}), "
        f"{_attention(model)}"
    )
    return Base(model, tokenizer, device, precision, reason)
