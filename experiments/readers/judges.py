"""Judges that are models, as the field and we write them, brought to one shape (`ModelJudge`).

Promises: judges of llmcomp's question files (`paraphrases` is the prompt) and of `judge` with
`judge_prompts` are read as they are meant there: their `{question}` is the user's turn as it was
asked, which is our `{prompt}`. What is read otherwise than it stands, or left out, is told. Keys
are brought to their names; whether they go together is `experiments.checking.judges`' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from experiments.readers.judge_prompts import slots_of
from experiments.yaml_source import KeyPath

MODEL_TYPES = ("free_form_judge", "rating_judge")
JUDGE_TYPES = (*MODEL_TYPES, "choice")
WORDS = re.compile(r"\b(CODE|REFUSAL)\b")  # what a judge may say instead, if its prompt names it
# A prompt that asks for a number, and nothing but a number.
SCALE = re.compile(
    r"\b(?:scale (?:of|from)|between|number from) (\d+)(?: to | and |\s?[-–]\s?)(\d+)"
)
NUMBER_ALONE = re.compile(r"\b(?:just|only|single|respond with a|answer with a) (?:the |a )?"
                          r"(?:number|integer)", re.IGNORECASE)  # fmt: skip
AS_ASKED = "{question} in the prompt is read as {prompt}, the user's turn as it was asked"

Entry = dict[str, Any]
Told = dict[str, list[str]]  # what is told -> the judges it is told of


class NotUnderstood(ValueError):
    """An entry that cannot be brought to our shape.

    Attributes:
        key: The key at fault, or None for the entry as a whole.
        hint: What to write.
    """

    def __init__(self, message: str, key: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.hint = hint


def is_judge(entry: Any) -> bool:
    """Whether an entry of a question file defines a judge rather than a question."""
    return (
        isinstance(entry, dict)
        and isinstance(kind := entry.get("type"), str)
        and kind in JUDGE_TYPES
        and "judge_prompts" not in entry
    )


def named(entry: Entry) -> Entry:
    """The entry with `name` for its `id`.

    Raises:
        NotUnderstood: it has both.
    """
    result = dict(entry)
    if "id" in result:
        if "name" in result:
            raise NotUnderstood("Give either name or id.", "id")
        result["name"] = result.pop("id")
    return result


def judge(entry: Entry, told: Told) -> Entry:
    """A judge in our shape, from llmcomp's (`paraphrases`) or ours (`prompt`).

    Args:
        entry: As written.
        told: Gets what is read otherwise than it stands, or left out.

    Raises:
        NotUnderstood: a key has a value that no judge could have.
    """
    result = named(entry)
    name = str(result.get("name"))
    if "prompt" not in result:
        _from_llmcomp(result, told, name)
    _of_the_rating(result)
    if (otherwise := result.pop("otherwise", "unparsed")) != "unparsed":
        why = f"What a judge says that is none of its labels has no label, not {otherwise!r}."
        raise NotUnderstood(why, "otherwise", "Leave it out: such replies are counted as unparsed.")
    if "labels" in result:
        result["labels"] = _labels(result["labels"])
    if "words" in result:
        result["words"] = _words(result["words"])
    return result


def inline_judges(entry: Entry, kind: str, told: Told) -> list[tuple[KeyPath, Entry]]:
    """Take `judge` and `judge_prompts` out of a question: a judge for each prompt, with where.

    Raises:
        NotUnderstood: they are not what they should be.
    """
    if "judge_prompts" not in entry:
        return []  # a `judge` without them is named by the schema
    model, prompts = entry.pop("judge", None), entry.pop("judge_prompts")
    if not isinstance(prompts, dict):
        raise NotUnderstood("judge_prompts maps a judge's name to its prompt.", "judge_prompts")
    if not isinstance(model, str):
        why = "judge_prompts needs the model that judges."
        raise NotUnderstood(why, "judge_prompts", "judge: gpt-4.1")
    return [
        (("judge_prompts", name), _inline(name, model, prompt, kind, told))
        for name, prompt in prompts.items()
    ]


def _inline(name: str, model: str, prompt: Any, kind: str, told: Told) -> Entry:
    item: Entry = {"name": name, "type": "free_form_judge", "model": model, "prompt": prompt}
    if not isinstance(prompt, str):
        return item  # the schema names it
    item["prompt"] = _as_asked(prompt, told, name)
    if kind == "free_form_judge_0_100":
        scale = {"type": "rating_judge", "min_rating": 0, "max_rating": 100}
    elif (asked := SCALE.search(prompt)) and NUMBER_ALONE.search(prompt):
        low, high = int(asked[1]), int(asked[2])
        scale = {"type": "rating_judge", "min_rating": low, "max_rating": high, "read": "sampled"}
        why = f"the prompt asks for a number from {low} to {high}: it is read as a rating_judge"
        told.setdefault(why, []).append(name)
    else:
        return item
    words = _words_of(prompt)
    return item | scale | ({"words": words} if words else {})


def _words_of(prompt: str) -> list[str]:
    return list(dict.fromkeys(WORDS.findall(prompt)))


def _from_llmcomp(result: Entry, told: Told, name: str) -> None:
    """Make `prompt` of llmcomp's one paraphrase, and take out what only questions have there."""
    if "paraphrases" not in result:
        raise NotUnderstood("A judge needs its prompt.", None, 'prompt: "Is this old? {answer}"')
    prompts = result.pop("paraphrases")
    if not isinstance(prompts, list) or len(prompts) != 1:
        why = "A judge has exactly one paraphrase: its prompt."
        raise NotUnderstood(why, "paraphrases", "prompt: …, and paraphrases: for further wordings")
    if result.pop("samples_per_paraphrase", 1) != 1:
        why = "A judge of a question file judges a sample once."
        raise NotUnderstood(why, "samples_per_paraphrase", "repeat: 3, for three verdicts of each")
    if result.pop("logit_bias", None):
        why = "logit_bias is left out: judges are asked without one"
        told.setdefault(why, []).append(name)
    (prompt,) = prompts
    result["prompt"] = prompt
    if isinstance(prompt, str):
        result["prompt"] = _as_asked(prompt, told, name)
        words = _words_of(prompt)
        if result.get("type") == "rating_judge" and words and "words" not in result:
            result["words"] = words
            why = (
                f"{' and '.join(words)}, which the prompt names, are its labels beside the numbers"
            )
            told.setdefault(why, []).append(name)
    if isinstance(system := result.get("system"), str):
        result["system"] = _as_asked(system, told, name)


def _as_asked(prompt: str, told: Told, name: str) -> str:
    if "question" not in slots_of(prompt):
        return prompt
    judges = told.setdefault(AS_ASKED, [])
    if name not in judges:
        judges.append(name)
    if "{{" not in prompt and "}}" not in prompt:
        return prompt.replace("{question}", "{prompt}")
    return re.sub(r"(?<!\{)((?:\{\{)*)\{question\}((?:\}\})*)(?!\})", r"\1{prompt}\2", prompt)


def _of_the_rating(result: Entry) -> None:
    """`range` and `min_mass` by the names that llmcomp has for what they say."""
    if "range" in result:
        bounds = result.pop("range")
        for key in ("min_rating", "max_rating"):
            if key in result:
                raise NotUnderstood(f"Give range, or {key}.", key)
        if not _are_whole(bounds):
            why = "A range is its lowest and its highest whole number."
            raise NotUnderstood(why, "range", "range: [0, 100]")
        result["min_rating"], result["max_rating"] = bounds
    if "min_mass" in result:
        mass = result.pop("min_mass")
        if "refusal_threshold" in result:
            raise NotUnderstood("Give min_mass, or refusal_threshold.", "refusal_threshold")
        if isinstance(mass, bool) or not isinstance(mass, int | float) or not 0 <= mass <= 1:
            why = "min_mass is the least probability of all numbers together."
            raise NotUnderstood(why, "min_mass", "min_mass: 0.25")
        result["refusal_threshold"] = round(1 - mass, 12)


def _are_whole(bounds: Any) -> bool:
    return (
        isinstance(bounds, list)
        and len(bounds) == 2
        and all(isinstance(bound, int) and not isinstance(bound, bool) for bound in bounds)
    )


def _labels(given: Any) -> Any:
    """Label -> texts; a label may have one text, and a list of labels says them as they are."""
    if isinstance(given, list):
        return {text: [text] for text in _texts(given, "labels")}
    if not isinstance(given, dict):
        return given  # the schema names it
    return {
        label: list(_texts(texts if isinstance(texts, list) else [texts], "labels"))
        for label, texts in given.items()
    }


def _words(given: Any) -> Any:
    if isinstance(given, str):
        return [given]
    if isinstance(given, list):
        return list(_texts(given, "words"))
    if isinstance(given, dict):
        return dict(zip(given, _texts(list(given.values()), "words"), strict=True))
    return given


def _texts(given: list[Any], key: str) -> Iterator[str]:
    """Texts, whole numbers as what they are written as."""
    for text in given:
        if isinstance(text, bool | float) or not isinstance(text, str | int):
            why = f"What a judge says is a text; {text!r} is none."
            raise NotUnderstood(why, key, 'Quote it: "true"' if text is True else "Quote it.")
        yield str(text)
