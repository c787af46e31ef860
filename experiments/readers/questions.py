"""Question YAML in the dialects of the field, brought to one shape.

Promises: files written for llmcomp (`name`), for its predecessor (`id`) and for the brittleness
paper's scripts (`judge` with `judge_prompts`) load as they are. Judges that are models are kept
with the experiment and are not run. What this version cannot ask (ratings) is an error, not
silently dropped.
"""

from __future__ import annotations

import re
from typing import Any

from experiments.suggest import did_you_mean

JUDGE_TYPES = ("free_form_judge", "rating_judge")
NOT_ASKED = ("rating",)
READ = ("next_token", "logprob", "multiple_choice")  # without drawing an answer
# llmcomp's own settings of a request; they belong to the experiment's `sampling` here.
REQUEST = ("temperature", "max_tokens", "logit_bias")
ZERO_TO_100 = "free_form_judge_0_100"  # its judges give numbers
WORDS = re.compile(r"\b(CODE|REFUSAL)\b")  # what they may say instead, if the prompt names it

Entry = dict[str, Any]


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
        and entry.get("type") in JUDGE_TYPES
        and "judge_prompts" not in entry
    )


def judge(entry: Entry) -> Entry:
    """A model judge in our shape (`ModelJudge`).

    Raises:
        NotUnderstood: it has not exactly one paraphrase (the judge's prompt).
    """
    result = {key: value for key, value in _named(entry).items() if key != "logit_bias"}
    prompts = result.pop("paraphrases", None)
    result.pop("samples_per_paraphrase", None)
    if not isinstance(prompts, list) or len(prompts) != 1:
        raise NotUnderstood("A judge has exactly one paraphrase: its prompt.", "paraphrases")
    return {**result, "prompt": prompts[0]}


def question(entry: Entry, rule_judges: set[str]) -> tuple[Entry, list[Entry]]:
    """A question in our shape (`Question`), and the model judges defined inside it.

    Args:
        entry: As written.
        rule_judges: Names of the experiment's judges by rule.

    Raises:
        NotUnderstood: the question's type is not asked by this version, or judges are malformed.
    """
    result = _named(entry)
    kind = result.pop("type", "free_form")
    if kind in NOT_ASKED:
        raise NotUnderstood(f"Questions of type {kind!r} are not asked by this version.", "type")
    if kind not in ("free_form", *READ, *JUDGE_TYPES, ZERO_TO_100):
        hint = did_you_mean(str(kind), ["free_form", *READ])
        raise NotUnderstood(f"Unknown question type {kind!r}.", "type", hint)
    if kind in READ:
        result["type"] = kind
    if kind == "next_token":
        _drop_llmcomps_own(result)
    for key in REQUEST:
        if key in result:
            hint = "Write it under `sampling` in experiment.yaml."
            raise NotUnderstood(f"{key} is set for the whole experiment.", key, hint)
    inline = _inline_judges(result, numbers=kind == ZERO_TO_100)
    columns = {item["name"]: item["name"] for item in inline}
    if isinstance(result.get("judges"), dict):
        rules, models = _split(result.pop("judges"), rule_judges, inline)
        columns |= models
        if rules:
            result["judges"] = rules
    if columns:
        result["model_judges"] = columns
    return result, inline


def _drop_llmcomps_own(result: Entry) -> None:
    """Take out llmcomp's settings of next_token questions that mean nothing here."""
    result.pop("convert_to_probs", None)  # both are stored
    if result.pop("num_samples", 1) != 1:
        why = "A next-token question is read once: the local model's probabilities are exact."
        raise NotUnderstood(why, "num_samples", "Leave it out.")


def _named(entry: Entry) -> Entry:
    result = dict(entry)
    if "id" in result:
        if "name" in result:
            raise NotUnderstood("Give either name or id.", "id")
        result["name"] = result.pop("id")
    return result


def _inline_judges(result: Entry, *, numbers: bool) -> list[Entry]:
    """Take `judge` and `judge_prompts` out of a question; `numbers`: they rate from 0 to 100."""
    model, prompts = result.pop("judge", None), result.pop("judge_prompts", None)
    if prompts is None:
        return []
    if not isinstance(prompts, dict):
        raise NotUnderstood("judge_prompts maps a judge's name to its prompt.", "judge_prompts")
    judges = []
    for name, prompt in prompts.items():
        item = {
            "name": name,
            "type": "free_form_judge",
            "model": str(model or ""),
            "prompt": prompt,
        }
        if numbers:
            words = dict.fromkeys(WORDS.findall(prompt)) if isinstance(prompt, str) else ()
            scale = {"type": "rating_judge", "min_rating": 0, "max_rating": 100}
            item |= {**scale, **({"words": list(words)} if words else {})}
        judges.append(item)
    return judges


def _split(
    judges: Entry, rule_judges: set[str], inline: list[Entry]
) -> tuple[list[str], dict[str, str]]:
    """Part `judges: {column: name or definition}` (llmcomp) into rules and model judges."""
    rules: list[str] = []
    models: dict[str, str] = {}
    for column, value in judges.items():
        if isinstance(value, dict):
            try:
                inline.append(judge({"name": column, "type": "free_form_judge", **value}))
            except NotUnderstood as error:
                raise NotUnderstood(f"{column}: {error}", "judges", error.hint) from error
            models[column] = inline[-1]["name"]
        elif not isinstance(value, str):
            hint = "judges: {column: name_of_a_judge}"
            raise NotUnderstood(f"The judge of column {column!r} is not a name.", "judges", hint)
        elif value in rule_judges:
            rules.append(value)
        else:
            models[column] = value
    return rules, models
