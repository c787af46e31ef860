"""What a judge that is a model must satisfy: keys that go together, slots that something fills.

Promises: a key that its type of judge doesn't read, two labels that a reply couldn't tell apart,
and a slot that nothing fills are errors with what to write instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from experiments.answers import references
from experiments.checking.slots import SLOT
from experiments.panel import judged_questions
from experiments.prompts import contexts_of, is_askable
from experiments.readers.judge_prompts import ANSWER_SLOTS, JUDGE_SLOTS, slots_of
from experiments.schema import Definition, ModelJudge, Question
from experiments.suggest import nearest
from experiments.yaml_source import KeyPath

Finding = tuple[KeyPath, str, str]
NEAR = 0.7
RATING, CHOICE, WORDS = "rating_judge", "choice", "free_form_judge"
# Which types read a key; what to write where another has it.
READ_BY = {
    "labels": ((WORDS, CHOICE), "words: [REFUSAL], for what it may say instead of a number"),
    "verdict": ((WORDS,), "Leave it out."),
    "field": ((WORDS,), "Leave it out."),
    "case_sensitive": ((WORDS,), "Leave it out."),
    "read": ((RATING,), "type: rating_judge, or leave it out"),
    "words": ((RATING,), "labels: {yes: [YES]}"),
    "refusal_threshold": ((RATING, CHOICE), "type: rating_judge, or leave it out"),
    "top_logprobs": ((RATING, CHOICE), "type: rating_judge, or leave it out"),
}


def model_judge_findings(definition: Definition) -> Iterator[Finding]:
    """Everything that is wrong with judges that are models."""
    questions = {question.name: question for question in definition.questions}
    judged = judged_questions(definition)
    for index, judge in enumerate(definition.model_judges):
        path: KeyPath = ("model_judges", index)
        asked = [questions[name] for name in judged[judge.name]]
        for key, message, hint in (
            *_keys(judge),
            *_labels(judge),
            *_slots(judge, asked, definition),
        ):
            yield (*path, *key), message, hint


def _keys(judge: ModelJudge) -> Iterator[Finding]:
    for key, (types, hint) in READ_BY.items():
        default = ModelJudge.model_fields[key].default
        if judge.type not in types and getattr(judge, key) not in (default, None):
            yield (key,), f"A {judge.type} has no {key}.", hint
    if judge.type != RATING and (judge.min_rating, judge.max_rating) != (None, None):
        key = "max_rating" if judge.min_rating is None else "min_rating"
        yield (key,), f"A {judge.type} has no range of numbers.", "type: rating_judge"
    if not judge.model.strip():
        yield ("model",), "The judge has no model.", "model: gpt-4.1, mapped in config.toml"
    if judge.type == CHOICE and len(judge.labels) < 2:
        why = "A choice is between the probabilities of two labels or more."
        yield ("labels",), why, "labels: {yes: YES, no: NO}"
    if judge.verdict == "json_field" and not judge.field:
        yield ("verdict",), "Which field of the JSON is the verdict?", "field: verdict"
    if judge.field and judge.verdict != "json_field":
        yield ("field",), "field is of a verdict in JSON.", "verdict: json_field"
    if judge.verdict == "one_token":
        yield from _one_token(judge)
    if not _writes(judge):
        if judge.thinking:
            why = "Where probabilities are read the judge writes nothing, so it cannot think first."
            yield ("thinking",), why, _sampled(judge)
        if judge.temperature:
            why = "Where probabilities are read nothing is drawn: they are those at temperature 1."
            yield ("temperature",), why, _sampled(judge)
    if judge.repeat > 1 and (not _writes(judge) or not judge.temperature):
        why = f"{judge.repeat} verdicts without a draw between them are one verdict."
        yield ("repeat",), why, "temperature: 1, or paraphrases of the prompt"
    for place, wording in enumerate(judge.paraphrases):
        if wording in judge.wordings[: place + 1]:
            yield (
                ("paraphrases", place),
                "This wording of the prompt stands twice.",
                "Leave it out.",
            )


def _writes(judge: ModelJudge) -> bool:
    return judge.type == WORDS or (judge.type == RATING and judge.read == "sampled")


def _sampled(judge: ModelJudge) -> str:
    return "read: sampled, or leave it out" if judge.type == RATING else "type: free_form_judge"


def _one_token(judge: ModelJudge) -> Iterator[Finding]:
    if not judge.labels:
        why = "Of one token the labels must be known, else any token would be one."
        yield ("verdict",), why, "labels: {yes: YES, no: NO}"
    if judge.max_tokens not in (None, 1):
        yield ("max_tokens",), f"The verdict is one token, not {judge.max_tokens}.", "Leave it out."
    if judge.thinking:
        why = "A judge that thinks first says more than one token."
        yield ("thinking",), why, "verdict: last_line"
    for label, texts in judge.labels.items():
        if several := [text for text in texts if len(text.split()) > 1]:
            why = f"{several[0]!r} is more than one token."
            yield ("labels", label), why, "verdict: whole, or last_line"


def _labels(judge: ModelJudge) -> Iterator[Finding]:
    said = judge.labels if judge.type != RATING else judge.word_labels
    key = "labels" if judge.type != RATING else "words"
    yield from _alike(key, list(dict.fromkeys(judge.labels or judge.word_labels.values())))
    owners: dict[str, str] = {}
    for label, texts in said.items() if judge.type != RATING else ():
        if not texts:
            yield (key, label), f"Label {label!r} has no text.", f"{label}: [{label}]"
        for text in texts:
            folded = " ".join(text.split())
            folded = folded if judge.case_sensitive or judge.type == CHOICE else folded.casefold()
            if not folded:
                yield (key, label), f"Label {label!r} has an empty text.", "Leave it out."
            elif (other := owners.setdefault(folded, label)) != label:
                why = f"{text!r} would be {other!r} and {label!r}."
                yield (key, label), why, "Give each text to one label."
    if judge.type == RATING:
        yield from _words(judge)


def _alike(key: str, labels: list[str]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for label in labels:
        if not label.strip():
            yield (key,), "A label is empty.", ""
        elif (other := seen.setdefault(label.casefold(), label)) != label:
            yield (key,), f"{label!r} and {other!r} differ by case only.", "Rename one."


def _words(judge: ModelJudge) -> Iterator[Finding]:
    low, high = judge.range
    seen: set[str] = set()
    for word in judge.word_labels:
        try:
            number = int(word)
        except ValueError:
            number = None
        if not word.strip():
            yield ("words",), "A word is empty.", "words: [REFUSAL]"
        elif number is not None and low <= number <= high:
            yield ("words",), f"{word!r} is a number of the range.", "words: [REFUSAL]"
        elif word.casefold() in seen:
            yield ("words",), f"The word {word!r} stands twice.", "Leave one out."
        seen.add(word.casefold())


def _slots(judge: ModelJudge, asked: list[Question], definition: Definition) -> Iterator[Finding]:
    texts: dict[KeyPath, str] = {("prompt",): judge.prompt}
    texts |= {("paraphrases", place): text for place, text in enumerate(judge.paraphrases)}
    for key, text in texts.items():
        wrong = list(_known(judge, key, text))
        yield from wrong
        if not wrong and not slots_of(text) & {*ANSWER_SLOTS}:
            why = f"The prompt of judge {judge.name!r} has no {{answer}}: it would judge nothing."
            yield key, why, "Write {answer} where the answer goes."
    if judge.system is not None:
        texts["system",] = judge.system
        yield from _known(judge, ("system",), judge.system)
    yield from _without_reference(texts, asked, definition)


def _known(judge: ModelJudge, key: KeyPath, text: str) -> Iterator[Finding]:
    for word in dict.fromkeys(SLOT.findall(text)):
        if word not in JUDGE_SLOTS:
            near = nearest(word, JUDGE_SLOTS, NEAR)
            hint = f"Did you mean {{{near}}}?" if near else ""
            hint = hint or f"As text it is written {{{{{word}}}}}; slots: {', '.join(JUDGE_SLOTS)}."
            yield key, f"Unknown slot {{{word}}} in judge {judge.name!r}.", hint


def _without_reference(
    texts: Mapping[KeyPath, str], asked: list[Question], definition: Definition
) -> Iterator[Finding]:
    for key, text in texts.items():
        if "reference" not in slots_of(text):
            continue
        for question in asked:
            if not is_askable(definition.sampling, question):
                continue  # which is said of the question
            right = references(question, definition.sampling)
            for variant, _ in contexts_of(definition.sampling, question):
                if variant not in right:
                    where = f" in variant {variant}" if right else ""
                    why = f"Question {question.name!r} has no answer{where} to fill {{reference}}."
                    yield (
                        key,
                        why,
                        "answer: Paris, or let only questions that have one name the judge.",
                    )
                    break
