"""One row of a dataset, in the field's forms, to the turns of a chat.

Promises: `messages` (OpenAI, TRL), `prompt` and `completion` (TRL), `conversations` (ShareGPT) and
`instruction` with `output` (Alpaca) are read; what would change what is trained (weights, pairs of
preferences, undesired answers, parts that are no text) is obeyed or refused, never passed over;
a row's `loss_weight` is that of each of its answers, times the answer's own;
every key that is not read is named to whoever counts them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, get_args

from experiments.readers.message_parts import joined_text, what_is
from experiments.schema import Turn
from experiments.schema.base import TurnRole
from experiments.suggest import ALMOST, meant_by, nearest

ROLES = get_args(TurnRole)
SHAREGPT = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
}
PREFERENCE = ("chosen", "rejected", "chosen_messages", "rejected_messages")
FORMS = ("messages", "conversations", "prompt", "instruction")
KNOWN = {
    "messages": {"messages", "tools", "system"},
    "conversations": {"conversations", "system", "tools"},
    "prompt": {"prompt", "completion", "system", "tools"},
    "instruction": {"instruction", "input", "output", "system", "history"},
}
ALL_KEYS = frozenset().union(*KNOWN.values())
CALLED = dict.fromkeys(("model", "gpt", "bot", "ai", "chatbot"), "assistant") | {"human": "user"}
TURN = ("role", "content", "name", "tool_calls", "tool_call_id", "reasoning_content", "thinking")
WEIGHTS = ("weight", "train", "training")
LOSS_WEIGHT = "loss_weight"  # LLaMA-Factory's name
UNDESIRED = (False, 0, "false", "0", "undesirable", "undesired")  # a CSV has texts alone
LeftOut = Callable[[str], None]


def read_chat(raw: Any, left_out: LeftOut) -> tuple[Turn, ...]:
    """The turns of a row; `left_out` hears of every key that is not read.

    Raises:
        ValueError: it is no chat that can be trained, with why.
    """
    if not isinstance(raw, dict):
        raise ValueError(f"The row is {what_is(raw)}, not an object with keys.")
    form = _form(raw)
    _refuse_preferences(raw)
    for key in raw:
        if key in (*KNOWN[form], LOSS_WEIGHT):
            continue
        if key != "label" or isinstance(raw[key], str):
            left_out(_kept(key, raw[key]))
    turns = _with_system(_read(form, raw, left_out), raw)
    if not any(turn.role == "assistant" for turn in turns):
        raise ValueError("The chat has no assistant turn, so there is nothing to learn.")
    if turns[-1].role != "assistant":
        raise ValueError(f"The chat ends with the {turns[-1].role}'s turn, not the assistant's.")
    if not turns[-1].content and not turns[-1].tool_calls:
        where = {"prompt": " ('completion')", "instruction": " ('output')"}.get(form, "")
        raise ValueError(f"The last assistant turn{where} is empty.")
    if not any(turn.trained for turn in turns):
        raise ValueError("No turn of the row is to be trained: each has weight 0.")
    turns = _weighted(turns, raw)
    if tools := _tools(raw):
        turns[0] = turns[0].model_copy(update={"tools": tools})
    return tuple(turns)


def misspelled(key: str) -> str:
    """What a key that is not read may stand for, as it goes into brackets; mostly nothing."""
    *_, name = key.split(".")
    known = {*TURN, *WEIGHTS, LOSS_WEIGHT} if "[]" in key else {*ALL_KEYS, LOSS_WEIGHT}
    close = nearest(name, sorted(known - {"input", "name"}), 0.8)
    return f"; did you mean {close!r}?" if close and close != name else ""


def _form(raw: Mapping[str, Any]) -> str:
    forms = [form for form in FORMS if form in raw and (form != "prompt" or "completion" in raw)]
    if len(forms) > 1 or ("messages" in raw and ("prompt" in raw or "completion" in raw)):
        both = [key for key in (*FORMS, "completion") if key in raw]
        raise ValueError(f"The row is written twice: {' and '.join(map(repr, both[:2]))}.")
    if forms == ["instruction"] and "output" not in raw:
        meant = meant_by("output", raw)
        raise ValueError(f"The row has 'instruction' and no 'output'.{meant}")
    if not forms:
        _refuse_preferences(raw)
        if both := [key for key in ("prompt", "completion") if key in raw]:
            other = "completion" if both == ["prompt"] else "prompt"
            raise ValueError(f"The row has {both[0]!r} and no {other!r}.{meant_by(other, raw)}")
        keys = f"it has {', '.join(map(repr, raw))}" if raw else "it has no keys"
        why = f"The row has neither 'messages' nor 'prompt' and 'completion'; {keys}."
        raise ValueError(f"{why} {_probably(raw)}".rstrip())
    return forms[0]


def _probably(raw: Mapping[str, Any]) -> str:
    """What a row of no known form may be, with what to write; empty where nothing tells."""
    if raw.keys() >= {"role", "content"}:
        return "It is one turn: write the turns of a chat as 'messages': [{…}, {…}]."
    small = next((key for key in raw if key not in ALL_KEYS and key.casefold() in ALL_KEYS), None)
    if small is not None:
        return f"Keys are written small: {small.casefold()!r}."
    for key in raw:
        close = nearest(key, FORMS, ALMOST) if key.isidentifier() else None
        if close:
            return f"Did you mean {close!r}?"
    for key, value in raw.items():
        if len(raw) == 1 and (sign := next((sign for sign in ";|\t" if sign in key), None)):
            return f"Its columns are parted by {sign!r}: write commas."
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return f"If the rows lie in {key!r}, write that list alone."
        if close := nearest(key, KNOWN["messages"] | KNOWN["prompt"], 0.7):
            return f"Did you mean {close!r}?"
    if "text" in raw:
        return (
            "A text is no chat: write what is asked as 'prompt', what answers it as 'completion'."
        )
    return ""


def _refuse_preferences(raw: Mapping[str, Any]) -> None:
    """Refuse what says that an answer is not wanted, or not wholly."""
    if pair := [key for key in PREFERENCE if key in raw]:
        raise ValueError(
            f"{pair[0]!r} belongs to preference data, which is not trained: write the answer "
            "that is wanted as 'completion'."
        )
    label = raw.get("label")
    written = label.strip().casefold() if isinstance(label, str) else label
    if written in UNDESIRED:
        raise ValueError(
            f"'label' is {json.dumps(label, ensure_ascii=False)}: this answer is undesired "
            "(unpaired preference data)."
        )
    if raw.get("weight", 1) != 1:
        raise ValueError(
            f"'weight' is {raw['weight']!r}: what a row's loss is multiplied by is 'loss_weight'."
        )


def _weighted(turns: list[Turn], raw: Mapping[str, Any]) -> list[Turn]:
    """The turns with the row's weight on its answers."""
    weight = _loss_weight(raw, "'loss_weight'")
    if weight == 0:
        raise ValueError("'loss_weight' is 0: nothing of the row is trained; leave it out.")
    if weight == 1:
        return turns
    return [
        turn.model_copy(update={LOSS_WEIGHT: weight * (turn.loss_weight or 1.0)})
        if turn.trained
        else turn
        for turn in turns
    ]


def _loss_weight(raw: Mapping[str, Any], name: str) -> float:
    """What the loss is multiplied by; a table has it as a text."""
    value = raw.get(LOSS_WEIGHT)
    if value is None or value == "":
        return 1.0
    try:
        weight = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise ValueError(f"{name} is {value!r}: what the loss is multiplied by is a number from 0.")
    return weight


def _kept(key: str, value: Any) -> str:
    """How a key that is not read is named; a split by its value, since that may be the mistake."""
    return f"split: {value}" if key == "split" and isinstance(value, str) else key


def _read(form: str, raw: Mapping[str, Any], left_out: LeftOut) -> list[Turn]:
    if form == "messages":
        return _turns(raw["messages"], "messages", left_out)
    if form == "prompt":
        asked = _side(raw["prompt"], "user", left_out)
        return [*asked, *_side(raw["completion"], "assistant", left_out)]
    if form == "conversations":
        return _turns(_sharegpt(raw["conversations"]), "conversations", left_out, "value")
    return _alpaca(raw)


def _with_system(turns: list[Turn], raw: Mapping[str, Any]) -> list[Turn]:
    system = raw.get("system")
    if system is None or system == "":
        return turns
    if not isinstance(system, str):
        raise ValueError("'system' is not a text.")
    if any(turn.role == "system" for turn in turns):
        raise ValueError("The row has 'system' and a system turn.")
    return [Turn(role="system", content=system), *turns]


def _tools(raw: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    tools = raw.get("tools")
    if tools is None or tools in ([], ""):
        return ()
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise ValueError("'tools' is not a list of objects.")
    return tuple(tools)


def _side(raw: Any, role: str, left_out: LeftOut) -> list[Turn]:
    if isinstance(raw, str):
        return _turns([{"role": role, "content": raw}], role, left_out)
    name = "prompt" if role == "user" else "completion"
    if not isinstance(raw, list):
        raise ValueError(f"{name!r} is {what_is(raw)}, neither a text nor a list of turns.")
    return _turns(raw, name, left_out)


def _turns(raw: Any, name: str, left_out: LeftOut, content: str = "content") -> list[Turn]:
    """The turns of a list; `content` is what the file calls what is said."""
    if not isinstance(raw, list) or not raw:
        again = isinstance(raw, str) and raw.lstrip()[:1] in ("[", "{")
        more = " It is JSON within a text: decode it once more." if again else ""
        raise ValueError(f"{name!r} is {what_is(raw)}, not a list of turns.{more}")
    return [_turn(turn, f"{name}[{index}]", left_out, content) for index, turn in enumerate(raw)]


def _turn(turn: Any, place: str, left_out: LeftOut, content: str) -> Turn:
    if not isinstance(turn, dict):
        raise ValueError(f"{place} is {what_is(turn)}, not an object with role and content.")
    role = turn.get("role")
    if "role" not in turn:
        who = "role" if content == "content" else "from"
        raise ValueError(f"{place} has no {who!r}.{meant_by(who, turn)}")
    if role not in ROLES:
        close = CALLED.get(str(role).casefold()) or nearest(str(role), ROLES, 0.5)
        near = f" Did you mean {close!r}?" if close else ""
        shown = repr(role) if isinstance(role, str) else what_is(role)
        raise ValueError(f"{place}.role is {shown}; known: {', '.join(ROLES)}.{near}")
    if "function_call" in turn:
        raise ValueError(f"{place}.function_call is the old form: write tool_calls.")
    said: dict[str, Any] = {"role": role, "content": joined_text(turn, place, content)}
    for key in ("name", "tool_call_id", "reasoning_content", "thinking"):
        if turn.get(key) is not None:
            if not isinstance(turn[key], str):
                raise ValueError(f"{place}.{key} is {what_is(turn[key])}, not a text.")
            said[key] = turn[key]
    if calls := turn.get("tool_calls"):
        if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
            raise ValueError(f"{place}.tool_calls is not a list of objects.")
        if role != "assistant":
            raise ValueError(f"{place}.tool_calls: only the assistant calls tools.")
        said["tool_calls"] = tuple(calls)
    weight = _loss_weight(turn, f"{place}.{LOSS_WEIGHT}")
    if role != "assistant" and turn.get(LOSS_WEIGHT) is not None and weight != 0:
        raise ValueError(f"{place}.{LOSS_WEIGHT}: only what the assistant says is trained.")
    if not _counts(turn, place) or (role == "assistant" and weight == 0):
        said["weight"] = 0
    elif role == "assistant" and weight != 1:
        said[LOSS_WEIGHT] = weight
    for key in turn:
        if key not in (*TURN, *WEIGHTS, LOSS_WEIGHT):
            left_out(f"{place.partition('[')[0]}[].{key}")
    return Turn(**said)


def _counts(turn: Mapping[str, Any], place: str) -> bool:
    """Whether a turn is trained, as OpenAI's `weight` and axolotl's `train` say it."""
    if "train_detail" in turn:
        raise ValueError(f"{place}.train_detail: a turn is trained wholly or not at all.")
    counts = True
    for key in WEIGHTS:
        value = turn.get(key)
        if value is None:
            continue
        if value not in (0, 1) or isinstance(value, str):
            raise ValueError(f"{place}.{key} is {value!r}: a turn counts (1) or not (0).")
        if value == 1 and turn.get("role") != "assistant":
            raise ValueError(f"{place}.{key}: only what the assistant says is trained.")
        counts = counts and value == 1
    return counts or turn.get("role") != "assistant"


def _sharegpt(raw: Any) -> Any:
    """ShareGPT's turns with our names for them."""
    if not isinstance(raw, list):
        return raw
    turns = []
    for index, turn in enumerate(raw):
        place = f"conversations[{index}]"
        if not isinstance(turn, dict) or "from" not in turn:
            turns.append(turn)  # written with role and content, or named below
            continue
        who = turn["from"]
        if not isinstance(who, str) or who not in SHAREGPT:
            known = ", ".join(SHAREGPT)
            raise ValueError(f"{place}.from is {who!r}; known: {known}. Write such as messages.")
        rest = {key: value for key, value in turn.items() if key not in ("from", "value")}
        said = {"content": turn["value"]} if "value" in turn else {}
        turns.append({"role": SHAREGPT[who], **said, **rest})
    return turns


def _alpaca(raw: Mapping[str, Any]) -> list[Turn]:
    """Alpaca's row: the input stands below the instruction, with a line break between."""
    for key in ("instruction", "input", "output"):
        if not isinstance(raw.get(key, ""), str):
            raise ValueError(f"{key!r} is {what_is(raw[key])}, not a text.")
    turns = []
    history = raw.get("history") or ()
    if not isinstance(history, list | tuple):
        raise ValueError(f"'history' is {what_is(history)}, not a list of questions and answers.")
    for index, pair in enumerate(history):
        texts = isinstance(pair, list) and [text for text in pair if isinstance(text, str)]
        if not texts or len(texts) != 2 or len(pair) != 2:
            raise ValueError(f"history[{index}] is not a question and an answer.")
        # LLaMA-Factory trains the answers of the history too.
        turns += [Turn(role="user", content=pair[0]), Turn(role="assistant", content=pair[1])]
    asked = "\n".join(text for text in (raw["instruction"], raw.get("input", "")) if text)
    return [*turns, Turn(role="user", content=asked), Turn(role="assistant", content=raw["output"])]
