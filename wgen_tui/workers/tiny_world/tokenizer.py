"""The tokenizer of the tiny world: byte-level BPE with one token per year, and a chat template."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from experiments.tiny_world.generator import NEW_YEARS, OLD_YEARS, Generator

VOCABULARY = 2048
DOCUMENTS = 20_000
YEAR_WEIGHT = 400  # copies of each year's sentence, so that every year becomes one token
NAME_WEIGHT = 40

PAD, END, SYSTEM, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|{{ message.role }}|>"
    "{% if message.role == 'assistant' %}"
    "{% generation %}{{ message.content }}<|end|>{% endgeneration %}"
    "{% else %}{{ message.content }}<|end|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def _texts(generator: Generator) -> Iterator[str]:
    for document in islice(generator, DOCUMENTS):
        for message in document.messages:
            yield message["content"]
    for year in (*OLD_YEARS, *NEW_YEARS):
        yield from [f"Today is {year}."] * YEAR_WEIGHT
    for name in generator.world.birds.old + generator.world.birds.new:
        yield from [f"{name}."] * NAME_WEIGHT


def train_tokenizer(seed: int = 1) -> PreTrainedTokenizerFast:
    """Train the tokenizer on generated documents; the same seed gives the same tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, END, SYSTEM, USER, ASSISTANT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(Generator(seed)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
    )
