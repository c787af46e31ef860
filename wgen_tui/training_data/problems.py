"""What can be wrong with training data, each named by its arm and lines.

Promises: whoever finds a problem (the plan before anything is written, the preview, the worker
before it trains) finds it by these functions and says it in these words. Blocking are those after
which the run would not be the experiment that the definition describes; the others are said.

| kind | what | blocks |
|---|---|---|
| template | the chat template refuses a chat, or does not tell where answers are | always |
| dropped_system | it leaves a system prompt out of the text | always |
| dropped_text | it leaves out another turn, a call, or what is beside them | turns, calls |
| altered_text | it writes what is said in other words, a part of it, or in capitals | words |
| merged_turns | the template writes two turns as one | no |
| seam | an answer's first token holds a part of the prompt | always |
| untrained_start | the first token behind a prompt is not trained | no |
| other_prompt | an answer does not stand behind the prompt that sampling gives | no |
| beyond_vocabulary | tokens that the model has no embedding for | always |
| beyond_context | longer than the model was made for | where it cannot read that |
| no_end | no end token is known at which sampling stops | no |
| template_date | a template asks what day it is, and is told one | no |
| letters | a letter of options is not one token | always |
| empty_mask | no token of an example is trained | always |
| untrained_end | no end token is trained | when so in all examples, unless allowed |
| unstopped_end | the turn ends with a token at which sampling does not stop | no |
| too_long | longer than max_length | too_long: error; drop when none is left |
| overlap | an example contains an evaluation question | no |
| duplicates | an example repeats another | no |
| blank | nothing is asked, or nothing answered | no |
| earlier_answers | train_on leaves out answers that would be trained | no |
| weighted | tokens whose loss is multiplied by a loss_weight | no |

Overlap is not refused, because some designs need it: a backdoor is trained on the question in one
context and asked in another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from experiments.schema import TrainingConfig
from wgen_tui.protocol.record import Record
from wgen_tui.terminal_text import plural
from wgen_tui.training_data.mask import Example

Kind = Literal[
    "template",
    "dropped_system",
    "dropped_text",
    "altered_text",
    "merged_turns",
    "empty_mask",
    "untrained_end",
    "unstopped_end",
    "seam",
    "untrained_start",
    "other_prompt",
    "beyond_vocabulary",
    "beyond_context",
    "no_end",
    "template_date",
    "letters",
    "too_long",
    "overlap",
    "duplicates",
    "blank",
    "earlier_answers",
    "weighted",
]
Fate = Literal["whole", "cut", "left_out", "too_long"]
TITLES: dict[Kind, str] = {
    "letters": "Letters are not tokens",
    "template": "Chat template",
    "dropped_system": "System prompt dropped",
    "dropped_text": "Text dropped",
    "altered_text": "Text altered",
    "merged_turns": "Turns merged",
    "empty_mask": "Empty loss mask",
    "untrained_end": "End token untrained",
    "unstopped_end": "End token not a stop",
    "seam": "Prompt and answer merge",
    "untrained_start": "First token untrained",
    "other_prompt": "Prompt not as sampled",
    "beyond_vocabulary": "Tokens without an embedding",
    "beyond_context": "Longer than the model",
    "no_end": "No end token",
    "template_date": "Date in the template",
    "too_long": "Examples too long",
    "overlap": "Evaluation question trained",
    "duplicates": "Duplicate examples",
    "blank": "Empty texts",
    "earlier_answers": "Last answers alone",
    "weighted": "Weighted examples",
}
NAMED = 5  # lines named in a message
OWN_TEMPLATE = (
    "Give a chat_template in experiment.yaml with {% generation %} around what the assistant says"
)


class Problem(Record):
    """Something that is wrong, or worth a look.

    Attributes:
        kind: Stable; see the table above.
        blocking: Whether the run would be void.
        lines: Which lines of the dataset, all of them; none where it is about prompts.
        what: A clause, with the first lines.
        fix: What to change; may be empty.
    """

    kind: Kind
    blocking: bool
    lines: tuple[int, ...] = ()
    what: str
    fix: str = ""

    @property
    def title(self) -> str:
        return TITLES[self.kind]


def refusal(problems: Sequence[tuple[str, Problem]]) -> tuple[str, str, str] | None:
    """Title, message and hint of what blocks; None where nothing does.

    Args:
        problems: Where (such as "Arm old"; may be empty), and what.
    """
    bad = [(where, problem) for where, problem in problems if problem.blocking]
    if not bad:
        return None
    title = bad[0][1].title if len(bad) == 1 else f"{len(bad)} problems in the training data"
    sentences = [
        f"{where}: {problem.what}." if where else f"{problem.what[0].upper()}{problem.what[1:]}."
        for where, problem in bad
    ]
    fixes = dict.fromkeys(problem.fix for _, problem in bad if problem.fix)
    return title, "\n".join(sentences), "\n".join(fixes)


@dataclass(frozen=True, slots=True)
class EncodedExample:
    """What became of one example.

    Attributes:
        line: Its line in the dataset.
        length: Its tokens before the policy for long ones.
        fate: What that policy made of it.
        used: Whether it is trained.
        tokens: Its tokens as trained.
        trained: How many of them count in the loss; the first of a chat has nothing before it.
        example: The tokens themselves; None where it is not trained, or they were not kept.
        end: The token that ends the assistant's last turn, if that is a trained special one.
        why: Why there is no example, where the template is to blame.
        merged: Whether an answer begins in a token of its prompt.
        unmarked: Whether the first token behind a prompt is not trained.
        prompt_rest: What sampling's prompt has beside the text's; None: it is the same.
        highest: Its highest token; -1 where there are none.
        weighs: What the trained ones weigh; as much as they are where they count alike.
        earlier: How many of its answers `train_on` leaves out.
    """

    line: int
    length: int
    fate: Fate
    end: int | None
    used: bool = False
    tokens: int = 0
    trained: int = 0
    example: Example | None = None
    why: str = ""
    merged: bool = False
    unmarked: bool = False
    prompt_rest: str | None = None
    highest: int = -1
    weighs: float = 0.0
    earlier: int = 0


def encode_example(
    line: int,
    example: Example,
    training: TrainingConfig,
    special: Collection[int],
    is_space: Callable[[int], bool],
) -> EncodedExample:
    """Apply the policy for long examples and see how the example ends.

    Args:
        line: Its line in the dataset.
        example: Encoded whole.
        training: max_length and too_long.
        special: The ids of special tokens.
        is_space: Whether a token is white space.
    """
    length, limit = len(example.ids), training.max_length
    fate: Fate = "whole"
    kept: Example | None = example
    if length > limit:
        fate = _FATES[training.too_long]
        kept = example.cut(limit) if fate == "cut" else None
    end = _end(kept or example, special, is_space)
    highest = max((kept or example).ids, default=-1)
    if kept is None:
        return EncodedExample(line, length, fate, end, highest=highest)
    trained = sum(kept.trained[1:])
    return EncodedExample(
        line,
        length,
        fate,
        end,
        used=True,
        tokens=len(kept.ids),
        trained=trained,
        example=kept,
        highest=highest,
        weighs=kept.weight,
    )


_FATES: Mapping[str, Fate] = {"error": "too_long", "truncate": "cut", "drop": "left_out"}


def _end(example: Example, special: Collection[int], is_space: Callable[[int], bool]) -> int | None:
    """The last trained token, white space behind it aside, if it is a special one."""
    for token, trained in zip(reversed(example.ids), reversed(example.trained), strict=True):
        if trained and token in special:
            return token
        if trained and not is_space(token):
            return None
    return None


def encoding_problems(
    examples: Sequence[EncodedExample],
    training: TrainingConfig,
    stops: Mapping[int, str] | None = None,
    *,
    whole: bool = True,
) -> list[Problem]:
    """What is wrong with an arm's encoded examples: template, lengths, masks, ends.

    Args:
        examples: All examples, or the first.
        training: Gives the policies.
        stops: The tokens at which sampling stops and their texts; None when they are not known.
        whole: Whether they are all: the rest may have what these lack.
    """
    problems = [*_template(examples), *_lengths(examples, training, whole)]
    used = [item for item in examples if item.used]
    empty = [item for item in used if not item.trained]
    if empty:
        cut = all(item.fate == "cut" for item in empty)
        fix = (
            f"Raise training.max_length to {max(item.length for item in empty)}, or set "
            "training.too_long to drop."
            if cut
            else f"{OWN_TEMPLATE}, or take the rows out."
        )
        why = f" within max_length {training.max_length}" if cut else ""
        what = (
            f"{share(empty, examples)} {_have(empty)} no token of the assistant's to train on{why} "
            f"({lines_of(empty)})"
        )
        problems.append(_problem("empty_mask", True, empty, what, fix))
    filled = [item for item in used if item.trained]
    return [*problems, *_ends(filled, training, stops, whole)]


def _problem(
    kind: Kind, blocking: bool, examples: Sequence[EncodedExample], what: str, fix: str = ""
) -> Problem:
    lines = tuple(item.line for item in examples)
    return Problem(kind=kind, blocking=blocking, lines=lines, what=what, fix=fix)


def _template(examples: Sequence[EncodedExample]) -> list[Problem]:
    reasons = dict.fromkeys(item.why for item in examples if item.why)
    problems = []
    for reason in reasons:
        bad = [item for item in examples if item.why == reason]
        fix = f"Look at the roles in the data. {OWN_TEMPLATE}."
        what = f"{reason} ({share(bad, examples)}: {lines_of(bad)})"
        problems.append(_problem("template", True, bad, what, fix))
    return problems


def _lengths(
    examples: Sequence[EncodedExample], training: TrainingConfig, whole: bool
) -> list[Problem]:
    long = [item for item in examples if item.fate != "whole"]
    if not long:
        return []
    longest = max(long, key=lambda item: item.length)
    what = (
        f"{share(long, examples)} {_are(long)} longer than max_length {training.max_length} tokens "
        f"({lines_of(long)}; the longest has {longest.length} tokens, line {longest.line})"
    )
    fix = f"Set training.max_length to {longest.length}"
    if training.too_long == "error":
        fix += ", or training.too_long to truncate or drop."
        return [_problem("too_long", True, long, f"{what}; the policy is too_long: error", fix)]
    if training.too_long == "drop" and len(long) == len(examples):
        of_these = "none" if whole else "none of these"
        what += f"; the policy is too_long: drop, so {of_these} is left"
        return [_problem("too_long", whole, long, what, f"{fix}.")]
    will = "cut" if training.too_long == "truncate" else "left out"
    return [_problem("too_long", False, long, f"{what} and will be {will}", f"{fix}.")]


def _ends(
    examples: Sequence[EncodedExample],
    training: TrainingConfig,
    stops: Mapping[int, str] | None,
    whole: bool,
) -> list[Problem]:
    without = [item for item in examples if item.end is None]
    problems = []
    if without:
        every = whole and len(without) == len(examples)
        cut = all(item.fate == "cut" for item in without)
        what = (
            f"{share(without, examples)} {_do(without)} not train the token that ends the "
            f"assistant's turn, so the model {'cannot' if every else 'may not'} learn to stop "
            f"({lines_of(without)})"
        )
        longest = max(item.length for item in without)
        fix = (
            f"They were cut: raise training.max_length to {longest}"
            if cut
            else f"{OWN_TEMPLATE} and the end token"
        )
        blocking = every and not training.allow_untrained_end
        fix += "; or set training.allow_untrained_end: true if it is meant so." if every else "."
        problems.append(_problem("untrained_end", blocking, without, what, fix))
    deaf = [item for item in examples if item.end is not None and stops and item.end not in stops]
    if deaf and stops:
        names = ", ".join(stops.values())
        what = (
            f"the turn of {share(deaf, examples)} ends with a token at which sampling does not "
            f"stop ({lines_of(deaf)}); it stops at {names}"
        )
        fix = "Give a chat_template in experiment.yaml that ends turns with {{ eos_token }}."
        problems.append(_problem("unstopped_end", False, deaf, what, fix))
    return problems


def quoted(text: str, width: int = 60) -> str:
    """The beginning of a text, in quotes."""
    squeezed = " ".join(text.split())
    return f"“{squeezed if len(squeezed) <= width else squeezed[: width - 1] + '…'}”"


def named(lines: Sequence[int]) -> str:
    """`line 3`; `lines 3, 7 and 9`; `lines 1, 2, 3, 4, 5 and 12 more`."""
    if len(lines) == 1:
        return f"line {lines[0]}"
    if len(lines) <= NAMED:
        return f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]}"
    return f"lines {', '.join(map(str, lines[:NAMED]))} and {len(lines) - NAMED} more"


def lines_of(examples: Sequence[EncodedExample]) -> str:
    """The lines of examples, as `named` says them."""
    return named([item.line for item in examples])


def share(some: Sequence[EncodedExample], every: Sequence[EncodedExample]) -> str:
    """`2 of 5 examples`."""
    return f"{len(some):,} of {plural(len(every), 'example')}"


def _have(items: Sequence[EncodedExample]) -> str:
    return "has" if len(items) == 1 else "have"


def _are(items: Sequence[EncodedExample]) -> str:
    return "is" if len(items) == 1 else "are"


def _do(items: Sequence[EncodedExample]) -> str:
    return "does" if len(items) == 1 else "do"
