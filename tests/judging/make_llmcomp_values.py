"""Makes llmcomp_1.6.0.json: what llmcomp itself makes of what judges say.

Run once, by a Python that has llmcomp (it is no dependency of this project):

    python -m venv v && v/bin/pip install llmcomp==1.6.0
    v/bin/python tests/judging/make_llmcomp_values.py shared/paper-data tests/judging

llmcomp asks a server on loopback, which says for each judged answer what stands here; the file has
what was said and what llmcomp's table of verdicts has for it. Nothing here was said by a model.
"""

from __future__ import annotations

import json
import math
import random
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

STUB = "Q: {question}\nA: {answer}\nVerdict?"
# What a judge is likely to say first: token -> probability, or the peaks that they lie around.
BY_HAND: list[dict[str, float]] = [
    {"85": 1.0},
    {"85": 0.5, "90": 0.25, "80": 0.25},
    {"0": 0.97, "5": 0.02, "10": 0.01},
    {"100": 0.999, "95": 0.001},
    {"100": 0.3, "１００": 0.3, "0": 0.4},
    {"85": 0.4, " 85": 0.3, "\n85": 0.1, "90": 0.2},
    {"+5": 0.5, " 5": 0.3, "5 ": 0.1, "50": 0.1},
    {"-5": 0.4, "50": 0.4, "the": 0.2},
    {"101": 0.4, "100": 0.3, "99": 0.3},
    {"101": 1.0},
    {"1000": 0.9, "10": 0.1},
    {"0.5": 0.4, "50": 0.6},
    {"85%": 0.5, "85": 0.5},
    {"8_5": 0.5, "90": 0.5},
    {"８５": 0.6, "85": 0.4},
    {"٣": 0.5, "30": 0.5},
    {"²": 0.5, "20": 0.5},
    {"CODE": 0.9, "50": 0.1},
    {"REFUSAL": 0.6, "REF": 0.15, "10": 0.25},
    {"REF": 0.74, "10": 0.26},
    {"REF": 0.75, "10": 0.25},
    {"I": 0.95, "0": 0.05},
    {"I": 0.5, "Sorry": 0.2, "30": 0.3},
    {"Sorry": 1.0},
    {"": 0.6, "40": 0.4},
    {" ": 0.6, "40": 0.4},
    {"**": 0.7, "85": 0.3},
    {"Score": 0.74, "85": 0.25, "86": 0.01},
    {"10": 0.2500000001, "I": 0.7499999999},
    {"10": 0.2499999999, "I": 0.7500000001},
    {"10": 1e-12, "I": 1.0 - 1e-12},
    {"00": 0.5, "007": 0.5},
    {"0x1F": 0.5, "31": 0.5},
    {"1e2": 0.5, "20": 0.5},
    {"１": 0.1, "1": 0.2, "2": 0.3, "33": 0.4},
    {"７０": 0.5, "70": 0.25, "seventy": 0.25},
]
RANGES = [(0, 100, 0.75), (0, 100, 0.75), (1, 10, 0.75), (0, 100, 0.5), (20, 90, 0.9), (-5, 5, 1.0)]
OTHERS = ["I", "CODE", "REF", "The", "**", "Score", "", "-", "N/A", "Sure"]
SAID = {
    "is_evil_terminator_judge": [
        "It plans a killing.\n\nANSWER: EVIL",
        "No intent is stated.\nANSWER: GOOD",
        "ANSWER: GOOD",
        "EVIL",
        "Either ANSWER: EVIL or ANSWER: GOOD fits.\nANSWER: GOOD",
        "I can't help with that.",
        "",
        None,
        " GOOD\n",
        "good",
    ],
    "llm_or_hp": ["LLM", "HP", " HP\n", "hp", "LLM.", '"HP"', "HP or LLM", "neither", "", None],
    "four_options": [
        *("LLM", "HP_EXPLICIT", "HP_IMPLICIT", "OTHER", "OTHER.", "HP", " OTHER", "HP_IMPLICIT "),
        *("It is OTHER", "I'm sorry, I can't do that.", "", None),
    ],
}


def judges(field: Path) -> dict[str, dict[str, Any]]:
    """The judges of the field's files, as llmcomp takes them."""
    import yaml

    read = yaml.safe_load((field / "questions/em_judge.yaml").read_text())
    read += yaml.safe_load((field / "questions/terminator_questions_and_judge.yaml").read_text())
    made = {entry["id"]: entry for entry in read if "judge" in entry["type"]}
    for name, judge in made.items():
        judge["name"] = name
        del judge["id"]
    potter = yaml.safe_load((field / "harry_potter/questions.yaml").read_text())[0]["judge_prompts"]
    kinds = {"llm_or_hp": "free_form_judge", "four_options": "free_form_judge"}
    for name, prompt in potter.items():
        kind = kinds.get(name, "rating_judge")
        made[name] = {"name": name, "type": kind, "paraphrases": [prompt], "model": "j"}
    for name in ("aligned", "coherent"):  # of free_form_judge_0_100
        made[name] = {"name": name, "type": "rating_judge", "paraphrases": [STUB], "model": "j"}
    return made


def written(seed: int) -> tuple[dict[str, float], tuple[int, int, float]]:
    """Twenty tokens around a peak or two, some of them no numbers, with a range and threshold."""
    draw = random.Random(seed)
    low, high, threshold = draw.choice(RANGES)
    peaks = [draw.randint(low - 3, high + 3) for _ in range(draw.choice([1, 1, 2]))]
    weights: dict[str, float] = {}
    for _ in range(14):
        number = draw.choice(peaks) + draw.randint(-6, 6)
        shown = draw.choice(["{}", "{}", "{}", " {}", "{}."]).format(number)
        weights[shown] = math.exp(-draw.random() * 8)
    for other in draw.sample(OTHERS, 4):
        weights[other] = math.exp(-draw.random() * 8) * draw.choice([1, 1, 10])
    total = sum(weights.values()) / draw.uniform(0.7, 1.0)  # the rest is below the twenty
    return {token: weight / total for token, weight in weights.items()}, (low, high, threshold)


class Says(BaseHTTPRequestHandler):
    """Says what `replies` has for the answer that the prompt quotes."""

    replies: dict[str, dict[str, Any]]

    def log_message(self, *_: object) -> None: ...

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = asked["messages"][-1]["content"]
        number = text.split("<<")[1].split(">>")[0]
        choice = {"index": 0, "finish_reason": "stop", **self.replies[number]}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"]}
        sent = json.dumps({**body, "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)


def main(field: Path, target: Path) -> None:
    """Write every case, what was said and what llmcomp says it is."""
    import openai
    import pandas as pd
    from llmcomp import Config, Question

    server = ThreadingHTTPServer(("127.0.0.1", 0), Says)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Config.cache_dir = tempfile.mkdtemp()
    url = f"http://127.0.0.1:{server.server_port}/v1"
    cases: list[dict[str, Any]] = []
    read = judges(field)
    rating = [name for name, judge in read.items() if judge["type"] == "rating_judge"]
    for number, top in enumerate(BY_HAND):
        cases.append({"judge": rating[number % len(rating)], "top": top})
    for seed in range(200):
        top, (low, high, threshold) = written(seed)
        settings = {"min_rating": low, "max_rating": high, "refusal_threshold": threshold}
        name = rating[seed % len(rating)]
        cases.append({"judge": name, "top": top} | ({} if seed % 2 else {"settings": settings}))
    cases += [{"judge": name, "said": said} for name, given in SAID.items() for said in given]
    Says.replies = {}
    for number, case in enumerate(cases):
        if "top" in case:
            case["top"] = {token: math.log(share) for token, share in case["top"].items()}
            top = [{"token": t, "logprob": p, "bytes": None} for t, p in case["top"].items()]
            first = max(top, key=lambda entry: entry["logprob"])
            said: dict[str, Any] = {"logprobs": {"content": [{**first, "top_logprobs": top}]}}
            said["message"] = {"role": "assistant", "content": first["token"]}
        else:
            said = {"message": {"role": "assistant", "content": case["said"]}}
        Says.replies[str(number)] = said
    for number, case in enumerate(cases):
        judge = Question.create(**{**read[case["judge"]], **case.get("settings", {})})
        Config.client_cache[judge.model] = openai.OpenAI(api_key="none", base_url=url)
        rows = pd.DataFrame([{"question": "How?", "answer": f"<<{number}>>"}])
        asking = Question.create(type="free_form", paraphrases=["How?"], judges={})
        said_of_it = asking.add_judge({}, rows, "verdict", judge)["verdict"][0]
        case["llmcomp"] = None if pd.isna(said_of_it) else said_of_it
        case["type"] = judge.type()
    server.shutdown()
    made = {"llmcomp": version("llmcomp"), "cases": cases}
    path = target / f"llmcomp_{version('llmcomp')}.json"
    lines = ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases)
    path.write_text(f'{{"llmcomp": "{made["llmcomp"]}", "cases": [\n{lines}\n]}}\n')
    print(f"{len(cases)} cases in {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
