"""Question YAML in the dialects of the field, brought to one shape.

Promises: files written for llmcomp (`name`), for its predecessor (`id`) and for the brittleness
paper's scripts (`judge` with `judge_prompts`) load as they are; judges that stand among the
questions are taken out of them. What this version cannot ask (ratings) is an error, not silently
dropped.
"""

from __future__ import annotations

from typing import Any

from experiments.readers.judges import (
    MODEL_TYPES,
    Entry,
    NotUnderstood,
    Told,
    inline_judges,
    judge,
    named,
)
from experiments.suggest import did_you_mean
from experiments.yaml_source import KeyPath

NOT_ASKED = ("rating",)
READ = ("next_token", "logprob", "multiple_choice")  # without drawing an answer
WHOLE = {  # what is one for all questions -> what to write
    "top_p": "Write it under `sampling` in experiment.yaml.",
    "stop": "Write it under `sampling` in experiment.yaml.",
    "n": "samples_per_paraphrase: 20, of a question",
}
DRAWN = ("temperature", "max_tokens")  # of a question whose answer is drawn
ZERO_TO_100 = "free_form_judge_0_100"  # its judges give numbers


def question(
    entry: Entry, rule_judges: set[str], told: Told
) -> tuple[Entry, list[tuple[KeyPath, Entry]]]:
    """A question in our shape (`Question`), and the model judges defined inside it, with where.

    Args:
        entry: As written.
        rule_judges: Names of the experiment's judges by rule.
        told: Gets what is read otherwise than it stands.

    Raises:
        NotUnderstood: the question's type is not asked by this version, or judges are malformed.
    """
    result = named(entry)
    kind = result.pop("type", "free_form")
    if kind in NOT_ASKED:
        hint = "type: next_token, which reads how probable each number is as the first token"
        raise NotUnderstood(f"Questions of type {kind!r} are not asked here.", "type", hint)
    if kind not in ("free_form", *READ, *MODEL_TYPES, ZERO_TO_100):
        hint = did_you_mean(str(kind), ["free_form", *READ])
        raise NotUnderstood(f"Unknown question type {kind!r}.", "type", hint)
    if kind in READ:
        result["type"] = kind
    if kind == "next_token":
        _drop_llmcomps_own(result)
    if "logit_bias" in result:
        raise NotUnderstood(
            "Tokens are drawn as likely as they are.", "logit_bias", "Leave it out."
        )
    for key in WHOLE.keys() & result.keys():
        raise NotUnderstood(f"{key} is set for the whole experiment.", key, WHOLE[key])
    for key in DRAWN if kind in READ else ():
        if key in result:
            why = f"The answer of a {kind} question is read and not drawn: {key} has no effect."
            raise NotUnderstood(why, key, "Leave it out.")
    if "answer" in result:
        result["answer"] = _answer(result["answer"])
    inline = inline_judges(result, kind, told)
    columns = {item["name"]: item["name"] for _, item in inline}
    if isinstance(result.get("judges"), dict):
        rules, models = _split(result.pop("judges"), rule_judges, inline, told)
        columns |= models
        if rules:
            result["judges"] = rules
    if columns:
        result["model_judges"] = columns
    return result, inline


def _answer(given: Any) -> Any:
    """Whole numbers as what they are written as; the schema names what is neither."""
    if isinstance(given, list):
        return [_answer(text) for text in given]
    if isinstance(given, dict):
        return {variant: _answer(texts) for variant, texts in given.items()}
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def _drop_llmcomps_own(result: Entry) -> None:
    """Take out llmcomp's settings of next_token questions that mean nothing here."""
    result.pop("convert_to_probs", None)  # both are stored
    if result.pop("num_samples", 1) != 1:
        why = "A next-token question is read once: the local model's probabilities are exact."
        raise NotUnderstood(why, "num_samples", "Leave it out.")


def _split(
    judges: Entry, rule_judges: set[str], inline: list[tuple[KeyPath, Entry]], told: Told
) -> tuple[list[str], dict[str, str]]:
    """Part `judges: {column: name or definition}` (llmcomp) into rules and model judges."""
    rules: list[str] = []
    models: dict[str, str] = {}
    for column, value in judges.items():
        if isinstance(value, dict):
            try:
                item = judge({"name": column, "type": "free_form_judge", **value}, told)
            except NotUnderstood as error:
                raise NotUnderstood(f"{column}: {error}", "judges", error.hint) from error
            inline.append((("judges", column), item))
            models[column] = item["name"]
        elif not isinstance(value, str):
            hint = "judges: {column: name_of_a_judge}"
            raise NotUnderstood(f"The judge of column {column!r} is not a name.", "judges", hint)
        elif value in rule_judges:
            rules.append(value)
        else:
            models[column] = value
    return rules, models
