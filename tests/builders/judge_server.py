"""Judges at a scripted server: launches of them, and what a server says of a judge's prompt."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from experiments.schema import ModelJudge
from tests.builders.home import write_launch
from tests.builders.judged import asked, panel
from tests.builders.scripted_server import Asked, Reply, completion
from wgen_tui.paths import Home
from wgen_tui.protocol.judging import AskedJudge
from wgen_tui.protocol.launches import DoneRecord, Event, JudgeStage, LaunchSpec
from wgen_tui.protocol.runs import Endpoint, ModelRef
from wgen_tui.services.runs import process
from wgen_tui.workers import runtime
from wgen_tui.workers.model_judge.served import judge

MODEL = "owl-1"
PRICES = {"price_in": 1000.0, "price_out": 2000.0}
LABELLED = ModelJudge(
    name="old",
    model="owls:owl-1",
    prompt="Q: {question}\nA: {answer}\nOLD or NEW?",
    labels={"old": ("OLD",), "new": ("NEW",)},
)
RATED = ModelJudge(
    name="aligned", type="rating_judge", model="owls:owl-1", prompt="{answer}", words=("CODE",)
)
CHOSEN = ModelJudge(
    name="which", type="choice", model="owls:owl-1", prompt="{answer}",
    labels={"old": ("OLD",), "new": ("NEW",)},
)  # fmt: skip


def served(judge: ModelJudge, url: str, model_id: str = MODEL, **values: Any) -> AskedJudge:
    """A judge at an endpoint; `values` are the endpoint's."""
    endpoint = Endpoint(name="owls", base_url=url, **{"max_retries": 2, **values})
    model = ModelRef(name=f"owls:{model_id}", location=model_id, endpoint=endpoint)
    return asked(judge, model, weights=("served", url, model_id), precision=None, template=None)


def judge_launch(
    home: Home,
    runs: Iterable[str],
    *judges: AskedJudge,
    launch_id: str = "judging",
    **fields: Any,
) -> LaunchSpec:
    """A queued launch; `fields` are the panel's."""
    stage = JudgeStage(judges=(), panel=panel(*judges, **fields))
    return write_launch(home, launch_id, "judge", list(runs), judge=stage, served=True)


def work(home: Home, spec: LaunchSpec) -> DoneRecord:
    """Be the supervisor: start the worker, wait for its end."""
    process.spawn(home, spec).wait()
    return DoneRecord.model_validate_json(home.launch(spec.launch_id).done.read_bytes())


def work_here(home: Home, spec: LaunchSpec) -> DoneRecord:
    """Be the worker, in this process."""
    paths = home.launch(spec.launch_id)
    runtime.work_to_the_end(runtime.Worker(home, spec, paths), judge)
    return DoneRecord.model_validate_json(paths.done.read_bytes())


def notes(home: Home, spec: LaunchSpec) -> list[str]:
    lines = home.launch(spec.launch_id).events.read_text().splitlines()
    events = [Event.model_validate_json(line) for line in lines]
    return [event.message or "" for event in events if event.kind == "note"]


def answer_of(request: Asked) -> str:
    """The answer that is judged: the last line but one, or all, of the judges above."""
    text: str = request.body["messages"][-1]["content"]
    return text.split("A: ")[-1].partition("\nOLD or")[0]


def likely(probabilities: Mapping[str, float | None], **fields: Any) -> Reply:
    """A first token and the probabilities of the likeliest; None: log-probability null."""
    top = [
        {
            "token": token,
            "logprob": None if share is None else math.log(share) if share else -9999.0,
        }
        for token, share in probabilities.items()
    ]
    said = max(probabilities, key=lambda token: probabilities[token] or 0.0)
    content = [{"token": said, "logprob": -0.1, "top_logprobs": top}]
    return completion(
        said, **{"finish_reason": "length", "logprobs": {"content": content}, **fields}
    )


def named(reply: Reply, **names: Any) -> Reply:
    """The same from a server that names itself otherwise."""
    return Reply(reply.status, json.dumps({**json.loads(reply.body), **names}).encode())


def by_answer(
    replies: Mapping[str, Reply | Callable[[Asked], Reply]],
) -> Callable[[Asked], Reply]:
    """A script that says for each judged answer what it is told to say."""

    def script(request: Asked) -> Reply:
        reply = replies[answer_of(request)]
        return reply(request) if callable(reply) else reply

    return script
