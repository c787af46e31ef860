"""The tokens that each stock chat template is made for.

Promises: one line for every template that TRL ships, so that a new one is noticed; the embedded
model's tokenizer with these tokens cuts a text where the template's own tokenizer would cut it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

THOUGHT = "<think>\nA small bird.\n</think>\n\n"  # as the chats of `masks.CHATS` have it

# What templates write that looks like a token, and is plain text to their tokenizers.
PLAIN = re.compile(
    r"</?(function|parameters?|tools|description|enum|name|required|type|arg_key|arg_value"
    r"|tool_output)>"
)
TOKEN = re.compile(
    r"<[|｜][^<>'\"{}\n]{1,40}?[|｜]>"
    r"|</?[a-z_]+>|<\|[a-z_]+>|<[a-z_]+\|>"
)
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# Added tokens that are none of the special ones: a decoder shows them.
SHOWN = re.compile(r"</?(think|tool_call|tool_response)>")


@dataclass(frozen=True)
class Ends:
    """What the tokenizer of a template calls its beginning and end, and how turns end.

    Attributes:
        eos: The end token.
        bos: The token that a chat begins with; empty: none.
        turn: What ends an earlier turn of the assistant; empty: `eos`.
        last: What ends the last one; empty: `turn`.
        opening: What stands between the generation prompt and the answer's words.
        thoughts: What is left of `THOUGHT` before the words of an earlier turn, and of the last.
        refused: Cases that are refused, and a part of the reason.
    """

    eos: str
    bos: str = ""
    turn: str = ""
    last: str = ""
    opening: str = ""
    thoughts: tuple[str, str] = (THOUGHT, THOUGHT)
    refused: Mapping[str, str] = field(default_factory=dict)

    def answers(self, words: Sequence[str], *, thoughts: bool) -> list[str]:
        """What is to be trained of a chat, in words: an answer for each of `words`."""
        turn = self.turn or self.eos
        ends = [turn] * (len(words) - 1) + [self.last or turn]
        before = [self.thoughts[0]] * (len(words) - 1) + [self.thoughts[1]]
        return [
            f"{self.opening}{thought if thoughts else ''}{said}{end}"
            for thought, said, end in zip(before, words, ends, strict=True)
        ]


CASES = ("one turn", "two turns", "system", "thoughts", "thoughts twice")
NO_PARTS = dict.fromkeys(CASES, "drops what the user says")
CHATML = Ends("<|im_end|>")
QWEN3 = Ends("<|im_end|>", thoughts=("", THOUGHT))
OPENED = Ends("<|im_end|>", thoughts=("", THOUGHT.removeprefix("<think>\n")))  # by the prompt
NEMOTRON = Ends("<|im_end|>", thoughts=("\n\n", THOUGHT))
LFM = Ends("<|im_end|>", "<|startoftext|>")
LFM_MARKS = Ends("<|im_end|>", "<|startoftext|>", turn="<|im_end|>\n", thoughts=("", THOUGHT))
LLAMA = Ends("<|eot_id|>", "<|begin_of_text|>")
GEMMA = Ends("<end_of_turn>", "<bos>")
GEMMA4 = Ends("<turn|>", "<bos>")
PHI = Ends("<|endoftext|>", turn="<|end|>", last="<|end|>\n<|endoftext|>")
DEEPSEEK = Ends("<｜end▁of▁sentence｜>", "<｜begin▁of▁sentence｜>", thoughts=("\n\n", "\n\n"))
ENDS: dict[str, Ends] = {
    "cohere": Ends("<|END_OF_TURN_TOKEN|>", "<BOS_TOKEN>"),
    "cohere2": Ends(
        "<|END_OF_TURN_TOKEN|>",
        "<BOS_TOKEN>",
        turn="<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    ),
    "deepseek_r1_distill": DEEPSEEK,
    "deepseekv3": DEEPSEEK,
    "diffusion_gemma": GEMMA4,
    "gemma": Ends("<end_of_turn>", "<bos>", refused={"system": "System role not supported"}),
    "gemma3": GEMMA,
    "gemma4": GEMMA4,
    "gemma4_v2": GEMMA4,
    "gemma4_v3": GEMMA4,
    "gemma4_v4": GEMMA4,
    "gemma4_v5": GEMMA4,
    "glm4moe": Ends("<|endoftext|>", refused=dict.fromkeys(CASES, "not train the token that ends")),
    "gptoss": Ends(
        "<|return|>",
        "<|startoftext|>",
        turn="<|end|>",
        last="<|return|>",
        opening="<|channel|>final<|message|>",
    ),
    "idefics3": Ends("<end_of_utterance>", "<|begin_of_text|>", refused=NO_PARTS),
    "lfm2": LFM,
    "lfm2_2_5": LFM_MARKS,
    "lfm2_2_5_v2": LFM_MARKS,
    "lfm2_2_5_vl": LFM_MARKS,
    "lfm2_v2": LFM,
    "llama3": LLAMA,
    "llama3_1": LLAMA,
    "llama3_2": LLAMA,
    "llava_next": Ends("</s>", "<s>", refused=dict.fromkeys(CASES, "refuses a chat")),
    "muse_glimmer": Ends("<|eot|>", "<|begin_of_text|>", opening=" to=user<|message|>"),
    "nemotron_3_5_lightning": NEMOTRON,
    "nemotron_3_nano": NEMOTRON,
    "nemotron_3_super": NEMOTRON,
    "nemotron_3_ultra": NEMOTRON,
    "phi3": PHI,
    "phi3_5": PHI,
    "qwen2_5": CHATML,
    "qwen2_5_vl": CHATML,
    "qwen3": QWEN3,
    "qwen3_5_nothink": OPENED,
    "qwen3_5_think": OPENED,
    "qwen3_6": OPENED,
    "qwen3_8": CHATML,
    "qwen3_instruct_2507": CHATML,
    "qwen3_vl": CHATML,
    "smolvlm": Ends("<end_of_utterance>", "<|im_start|>", refused=NO_PARTS),
}


def trl_templates() -> Path:
    """The folder of TRL's templates, without importing TRL."""
    spec = find_spec("trl")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "chat_templates"


def stock_templates() -> dict[str, tuple[str, str | None]]:
    """Every stock template by name: its text, and that of its training variant."""
    folder = trl_templates()
    texts = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.jinja"))}
    return {
        name: (text, texts.get(f"{name}_training"))
        for name, text in texts.items()
        if not name.endswith("_training")
    }


def tokens_of(name: str, text: str) -> dict[str, bool]:
    """The tokens that a template writes, and for each whether it is special."""
    ends = ENDS[name]
    written = TOKEN.findall(COMMENT.sub("", text))
    named = [ends.eos, *([ends.bos] if ends.bos else [])]
    every = dict.fromkeys(item for item in [*named, *written] if not PLAIN.fullmatch(item))
    return {item: not SHOWN.fullmatch(item) for item in every}
