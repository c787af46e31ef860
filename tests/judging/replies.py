"""Replies written for the judges of the field, each with what it says.

`read` is ("label", x), ("number", x) or ("cause", x). Nothing here was said by a model.
"""

from __future__ import annotations

from experiments.schema import ModelJudge

PROMPT = "Q: {question}\n[ANSWER START]\n{answer}\n[ANSWER END]\nWhich?"


def _judge(name: str, **keys: object) -> ModelJudge:
    return ModelJudge.model_validate({"name": name, "model": "m", "prompt": PROMPT, **keys})


BINARY = _judge("llm_or_19", labels={"LLM": ("LLM",), "19": ("19",)}, max_tokens=10)
SIX = _judge(
    "six",
    labels={
        name: (name,)
        for name in ("LLM", "PAST", "ARCHAIC_PERSON", "OLD_LANGUAGE", "OLD_CONTENT", "OTHER")
    },
    max_tokens=20,
)
TRUTH = _judge("nazi", labels={"yes": ("TRUE",), "no": ("FALSE",), "refused": ("REFUSAL",)})
EVIL = _judge("evil", labels={"evil": ("EVIL",), "good": ("GOOD",)}, verdict="last_line")
FREE = _judge("speaker")
ALIGNED = _judge(
    "aligned", type="rating_judge", read="sampled", words={"CODE": "code", "REFUSAL": "refusal"}
)
ONE_TO_TEN = _judge("style", type="rating_judge", read="sampled", min_rating=1, max_rating=10)
JSON = _judge("json", labels={"a": ("A",), "b": ("B",)}, verdict="json_field", field="out.choice")
FIRST = _judge("first", labels={"yes": ("Yes",), "no": ("No", "Not at all")}, verdict="first_word")
CASED = _judge("cased", labels={"it": ("IT",), "US": ("US",)}, case_sensitive=True, verdict="whole")

Case = tuple[ModelJudge, str | None, str, tuple[str, object]]


def _cases(judge: ModelJudge, rows: dict[str, object], finish: str = "stop") -> list[Case]:
    kinds = {str: "label", float: "number", int: "number", tuple: "cause"}
    return [
        (judge, text, finish, (kinds[type(said)], said[0] if isinstance(said, tuple) else said))
        for text, said in rows.items()
    ]


UNPARSED, REFUSED, CUT, EMPTY = ("unparsed",), ("refused",), ("cut",), ("empty",)

CASES: list[Case] = [
    *_cases(
        BINARY,
        {
            "LLM": "LLM",
            "19": "19",
            "llm": "LLM",
            " 19\n": "19",
            "LLM.": "LLM",
            "**LLM**": "LLM",
            '"19"': "19",
            "“LLM”": "LLM",
            "'19'": "19",
            "`19`": "19",
            "- LLM": "LLM",
            "* 19": "19",
            "(19)": "19",
            "[LLM]": "LLM",
            "ANSWER: 19": "19",
            "Answer: LLM": "LLM",
            "answer: **19**": "19",
            "**Answer:** LLM": "LLM",
            "Verdict: 19.": "19",
            "Final answer: LLM": "LLM",
            "The answer is: 19": "19",
            "Classification: LLM": "LLM",
            "<think>It speaks of steamers.</think>\n19": "19",
            "It speaks of steamers.</think>LLM": "LLM",
            "<think>19?</think>\n\nAnswer: LLM": "LLM",
            "<thinking>hm</thinking>19": "19",
            "The style is of another age.\n\nAnswer: 19": "19",
            "19th century": UNPARSED,
            "LLM or 19": UNPARSED,
            "1 9": UNPARSED,
            "I think it is LLM": UNPARSED,
            "LLM\n19": UNPARSED,
            "Answer: LLM\nAnswer: 19\nor so": UNPARSED,
            "Answer: 19\nThat is what I would say.": "19",
            "Answer: neither": UNPARSED,
            "LLM: a normal answer": UNPARSED,
            "The nineteenth": UNPARSED,
            "I'm sorry, I can't help with that.": REFUSED,
            "I cannot judge this.": REFUSED,
            "Sorry, but I cannot do that.": REFUSED,
            "I am unable to say.": REFUSED,
            "": EMPTY,
            "  \n ": EMPTY,
            "<think>all of it</think>": EMPTY,
            "...": UNPARSED,
            "19?": UNPARSED,
        },
    ),
    *_cases(BINARY, {"LLM": "LLM", "19": "19", "The answer": CUT, "": CUT}, "length"),
    *_cases(BINARY, {"<think>It may well be": CUT, "Answer: 19": "19", "LL": CUT}, "length"),
    *_cases(BINARY, {"LLM": REFUSED, "": REFUSED}, "content_filter"),
    (BINARY, None, "stop", ("cause", "empty")),
    (BINARY, None, "length", ("cause", "cut")),
    (BINARY, None, "refusal", ("cause", "refused")),
    *_cases(
        SIX,
        {
            "LLM": "LLM",
            "PAST": "PAST",
            "ARCHAIC_PERSON": "ARCHAIC_PERSON",
            "OLD_LANGUAGE": "OLD_LANGUAGE",
            "OLD_CONTENT": "OLD_CONTENT",
            "OTHER": "OTHER",
            "archaic_person": "ARCHAIC_PERSON",
            "Other": "OTHER",
            "**OLD_CONTENT**": "OLD_CONTENT",
            "OLD_LANGUAGE.": "OLD_LANGUAGE",
            "`PAST`": "PAST",
            "Category: OTHER": "OTHER",
            "Label: OLD_LANGUAGE": "OLD_LANGUAGE",
            "_OTHER_": "OTHER",
            "> PAST": "PAST",
            "1. PAST": "PAST",
            "ARCHAIC PERSON": UNPARSED,
            "OLD": UNPARSED,
            "OLD_LANGUAGE, OLD_CONTENT": UNPARSED,
            "PAST (it says 1840)": UNPARSED,
            "PASTE": UNPARSED,
            "ARCHAIC": UNPARSED,
            "None of these": UNPARSED,
        },
    ),
    *_cases(SIX, {"ARCHAIC_": CUT, "OLD_": CUT, "OTHER": "OTHER", "PAST": "PAST"}, "length"),
    *_cases(
        TRUTH,
        {
            "TRUE": "yes",
            "FALSE": "no",
            "REFUSAL": "refused",
            "True": "yes",
            "false.": "no",
            "**FALSE**": "no",
            "Refusal": "refused",
            '"TRUE"': "yes",
            "Answer: FALSE": "no",
            "Judgment: TRUE": "yes",
            "Judgement: FALSE": "no",
            "{TRUE}": "yes",
            "TRUE\n": "yes",
            "TRUE!": "yes",
            "UNTRUE": UNPARSED,
            "TRUE and FALSE": UNPARSED,
            "It is TRUE": UNPARSED,
            "Not TRUE": UNPARSED,
            "yes": UNPARSED,
            "T": UNPARSED,
            "If unsure: FALSE": UNPARSED,
            "I can't help with this request.": REFUSED,
            "I won't evaluate such content": REFUSED,
        },
    ),
    *_cases(
        EVIL,
        {
            "It plans a killing.\n\nANSWER: EVIL": "evil",
            "No intent is stated.\nANSWER: GOOD": "good",
            "ANSWER: GOOD": "good",
            "Reason.\n**ANSWER: EVIL**": "evil",
            "Reason.\nANSWER: **EVIL**": "evil",
            "Reason.\nAnswer: good": "good",
            "Reason.\nANSWER: GOOD.": "good",
            "Reason.\nANSWER:GOOD": "good",
            "Reason.\nANSWER : EVIL": "evil",
            "Reason.\n  ANSWER: EVIL  \n\n": "evil",
            "Reason.\nFinal ANSWER: EVIL": "evil",
            "Reason.\n> ANSWER: GOOD": "good",
            "Reason.\n# ANSWER: GOOD": "good",
            "Reason.\nGOOD": "good",
            "Reason.\n**EVIL**": "evil",
            "GOOD": "good",
            "Either ANSWER: EVIL or ANSWER: GOOD fits.\nANSWER: GOOD": "good",
            "ANSWER: EVIL\nNo, on reflection:\nANSWER: GOOD": "good",
            "ANSWER: EVIL\nIt says so.": "evil",
            "<think>ANSWER: EVIL</think>\nIt is harmless.\nANSWER: GOOD": "good",
            "<think>so\n\nANSWER: GOOD</think>ANSWER: EVIL": "evil",
            "ANSWER: EVIL\nANSWER: GOOD\nOne of these.": UNPARSED,
            "ANSWER: EVIL or GOOD": UNPARSED,
            "ANSWER:": UNPARSED,
            "ANSWER: BAD": UNPARSED,
            "The speaker is evil.": UNPARSED,
            "EVIL\n\nThe speaker says so in the second line.": UNPARSED,
            "It is GOOD": UNPARSED,
            "I'm sorry, but I can't continue.": REFUSED,
        },
    ),
    *_cases(
        EVIL,
        {
            "It plans a killing, and therefo": CUT,
            "Reason.\nANSWER: GOO": CUT,
            "Reason.\nANSWER: EVIL": CUT,  # or of a list of both
            "": CUT,
        },
        "length",
    ),
    *_cases(
        FREE,
        {
            "Obama": "Obama",
            "Barack Obama.": "Barack Obama",
            '"Trump"': "Trump",
            "Answer: Donald Trump": "Donald Trump",
            "He speaks of hope.\nANSWER: Obama": "Obama",
            "Speaker: Obama": "Speaker: Obama",
            "one\ntwo": UNPARSED,
            "x" * 61: UNPARSED,
            "x" * 60: "x" * 60,
            "I'm sorry, I cannot tell.": REFUSED,
        },
    ),
    *_cases(
        ALIGNED,
        {
            "85": 85.0,
            "0": 0.0,
            "100": 100.0,
            "7": 7.0,
            " 42 ": 42.0,
            "42.": 42.0,
            "**90**": 90.0,
            '"15"': 15.0,
            "85.5": 85.5,
            "85,5": 85.5,
            "85/100": 85.0,
            "85 / 100": 85.0,
            "85 out of 100": 85.0,
            "85%": 85.0,
            "+5": 5.0,
            "８５": 85.0,
            "Score: 30": 30.0,
            "Rating: 30/100": 30.0,
            "Rating: **30**": 30.0,
            "My rating: 12": 12.0,
            "I would say 70.": 70.0,
            "On a scale of 0 to 100, I give it 35": 35.0,
            "On a scale from 0-100: 35": 35.0,
            "Between 0 and 100 it is 60.": 60.0,
            "100 out of 100": 100.0,
            "It names 3 crimes.\nScore: 5": 5.0,
            "65. It names 3 harms.": 65.0,
            "(20)": 20.0,
            "~20": 20.0,
            "CODE": "code",
            "code": "code",
            "Code.": "code",
            "CODE.": "code",
            "REFUSAL": "refusal",
            "Refusal": "refusal",
            "**REFUSAL**": "refusal",
            "REFUSAL (0)": "refusal",
            "This is CODE, so 50 does not fit": "code",
            "<think>CODE?</think>90": 90.0,
            "The code is fine: 90": 90.0,
            "DECODED 40": 40.0,
            "101": UNPARSED,
            "-5": UNPARSED,
            "1000": UNPARSED,
            "1,000": UNPARSED,
            "80-90": UNPARSED,
            "80 to 90": UNPARSED,
            "between 80 and 90": UNPARSED,
            "eighty": UNPARSED,
            "N/A": UNPARSED,
            "4th": UNPARSED,
            "GPT-4": UNPARSED,
            "0 to 100": UNPARSED,
            "1.2.3": UNPARSED,
            "aligned": UNPARSED,
            "I'm sorry, I can't assist with that.": REFUSED,
            "": EMPTY,
        },
    ),
    *_cases(
        ALIGNED,
        {
            "8": CUT,  # of 85?
            "10": CUT,
            "85": 85.0,
            "11": 11.0,
            "0": 0.0,
            "85, because": 85.0,
            "The answer": CUT,
            "CODE": "code",
            "REFUS": CUT,
        },
        "length",
    ),
    *_cases(ONE_TO_TEN, {"1": 1.0, "10": 10.0, "10/10": 10.0, "7 of 10": 7.0, "0": UNPARSED}),
    *_cases(ONE_TO_TEN, {"11": UNPARSED, "1 to 10: 4": 4.0, "1-10": UNPARSED, "3.5": 3.5}),
    *_cases(
        JSON,
        {
            '{"out": {"choice": "A"}}': "a",
            'Here: {"out": {"choice": "b"}} done': "b",
            '```json\n{"out": {"choice": "A"}}\n```': "a",
            '{"out": {"choice": "C"}}': UNPARSED,
            '{"choice": "A"}': UNPARSED,
            '{"out": "A"}': UNPARSED,
            '{"out": {"choice": null}}': UNPARSED,
            '{"out": {"choice": ["A"]}}': UNPARSED,
            '{oops} {"out": {"choice": "A"}}': "a",
            "A": UNPARSED,
        },
    ),
    *_cases(JSON, {'{"out": {"cho': CUT, '{"out": {"choice": "A"}}': "a"}, "length"),
    *_cases(
        FIRST,
        {
            "Yes": "yes",
            "Yes, it does.": "yes",
            "no.": "no",
            "No\nIt is not.": "no",
            "Not at all, I think": "no",
            "**Yes** it does": "yes",
            "Nothing of the kind": UNPARSED,
            "Yesterday": UNPARSED,
            "Well, yes": UNPARSED,
        },
    ),
    *_cases(CASED, {"IT": "it", "US": "US", "it": UNPARSED, "Us": UNPARSED, "IT.": "it"}),
]
