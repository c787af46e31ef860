"""One writer of samples: what it asks for, and what it puts on disk."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from experiments.schema import Message, SamplingConfig
from store.schema import PROMPT, READOUT, SAMPLE, SAMPLE_TOKEN, in_parts
from wgen_tui.paths import Home
from wgen_tui.protocol.ids import make_draw_seed, make_reading_id, make_sample_id
from wgen_tui.protocol.launches import PromptSpec, ReadoutSpec, SampleStage
from wgen_tui.protocol.record import now
from wgen_tui.protocol.runs import ModelRef, RunSpec, SeedSet
from wgen_tui.run_files.sample_writer import Draw, SampleWriter

RUN = RunSpec(
    run_id="x-a-s3-1",
    experiment="x",
    definition_hash="0",
    arm="a",
    role="treatment",
    seeds=SeedSet(seed=3, data_order=3, lora_init=3, sampling=7),
    model=ModelRef(name="m", location="/nowhere"),
    training=None,
    created_at=now(),
)
PROMPT_SPEC = PromptSpec(
    prompt_id="p1",
    question="q",
    paraphrase=0,
    variant="none",
    messages=(Message(role="user", content="Wie geht’s?"),),
)
READOUT_SPEC = ReadoutSpec(prompt=PROMPT_SPEC, type="next_token")


def stage(*, logprobs: bool = False) -> SampleStage:
    sampling = SamplingConfig(n=3, max_tokens=4, logprobs=logprobs)
    return SampleStage(prompts=(PROMPT_SPEC,), sampling=sampling, readouts=(READOUT_SPEC,))


def writer(home: Home, launch: str = "L1", *, logprobs: bool = False) -> SampleWriter:
    home.run(RUN.run_id).root.mkdir(exist_ok=True)
    return SampleWriter(RUN, home.run(RUN.run_id), launch, stage(logprobs=logprobs))


def add(to: SampleWriter, draw: Draw) -> None:
    to.add(
        draw,
        "A text",
        "stop",
        engine="test",
        prompt_tokens=5,
        tokens=2,
        logprob=-1.5,
        token_ids=[4, 2],
        logprobs=[-1.0, -0.5],
    )


def test_what_is_on_disk_is_not_missing(home: Home) -> None:
    first = writer(home)
    draws = list(first.missing(step=5))
    sampling = stage().sampling
    assert [draw.sample_id for draw in draws] == [
        make_sample_id(RUN.run_id, 5, "p1", number, sampling) for number in range(3)
    ]
    assert [draw.seed for draw in draws] == [make_draw_seed(d.sample_id, 7) for d in draws]
    assert list(first.missing_readings(5)) == [
        (make_reading_id(RUN.run_id, 5, READOUT_SPEC), READOUT_SPEC)
    ]
    for draw in draws[:2]:
        add(first, draw)
    assert not home.run(RUN.run_id).samples.exists()
    first.flush()
    assert list(writer(home, "L2").missing(step=5)) == draws[2:]
    assert len(list(writer(home, "L2").missing(step=6))) == 3


def test_a_question_may_be_drawn_from_otherwise(home: Home) -> None:
    own = SamplingConfig(n=9, temperature=0, max_tokens=2)
    asked = stage().model_copy(update={"sampling_by_question": {"q": own}})
    home.run(RUN.run_id).root.mkdir(exist_ok=True)
    one = SampleWriter(RUN, home.run(RUN.run_id), "L1", asked)
    draws = list(one.missing(step=5))
    assert [draw.sample_id for draw in draws] == [
        make_sample_id(RUN.run_id, 5, "p1", number, own) for number in range(3)
    ]
    add(one, draws[0])
    one.flush()
    (part,) = home.run(RUN.run_id).samples.iterdir()
    (row,) = pq.read_table(part).to_pylist()
    said = json.loads(row["sampling"])
    assert (said["temperature"], said["max_tokens"]) == (0, 2)


def test_a_sample_says_whose_it_is(home: Home) -> None:
    one = writer(home)
    draw = next(one.missing(step=5))
    add(one, draw)
    one.flush()
    one.flush()  # nothing was added since
    (part,) = home.run(RUN.run_id).samples.iterdir()
    assert part.name == "part-L1-00000.parquet"
    table = pq.read_table(part)
    assert table.schema.equals(in_parts(SAMPLE))
    (row,) = table.to_pylist()
    assert (row["run_id"], row["arm"], row["seed"], row["step"]) == (RUN.run_id, "a", 3, 5)
    assert (row["draw"], row["draw_seed"], row["launch_id"]) == (0, draw.seed, "L1")
    assert (row["completion"], row["tokens"], row["logprob"]) == ("A text", 2, -1.5)
    assert json.loads(row["sampling"])["max_tokens"] == 4
    assert not home.run(RUN.run_id).tokens.exists()


def test_tokens_are_on_disk_before_their_samples(home: Home) -> None:
    """A sample that is there is not drawn again, so its tokens must be there by then."""
    one = writer(home, logprobs=True)
    draw = next(one.missing(step=5))
    add(one, draw)
    run = home.run(RUN.run_id)
    run.samples.touch()  # no folder: samples cannot be written
    with pytest.raises(FileExistsError):
        one.flush()
    (part,) = run.tokens.iterdir()
    assert pq.read_table(part).schema.equals(in_parts(SAMPLE_TOKEN))
    assert pq.read_table(part).to_pylist() == [
        {
            "sample_id": draw.sample_id,
            "run_id": RUN.run_id,
            "token_ids": [4, 2],
            "logprobs": [-1.0, -0.5],
        }
    ]


def test_a_prompt_is_written_once(home: Home) -> None:
    writer(home).write_prompts([(PROMPT_SPEC, "<user>Wie geht’s?")])
    writer(home, "L2").write_prompts([(PROMPT_SPEC, "<user>Wie geht’s?")])
    (part,) = home.run(RUN.run_id).prompts.iterdir()
    table = pq.read_table(part)
    assert table.schema.equals(in_parts(PROMPT))
    (row,) = table.to_pylist()
    assert row["text"] == "<user>Wie geht’s?"
    assert "geht’s" in row["messages"]


def test_the_rows_of_a_reading_share_a_part(home: Home) -> None:
    one = writer(home)
    ((reading_id, readout),) = one.missing_readings(5)
    own = {"reading_id": reading_id, "step": 5, "type": readout.type}
    one.add_reading([{**own, "readout_id": place, "place": place} for place in (0, 1)], engine="e")
    one.flush()
    (part,) = home.run(RUN.run_id).readouts.iterdir()
    table = pq.read_table(part)
    assert table.schema.equals(in_parts(READOUT))
    assert [(row["place"], row["arm"], row["engine"]) for row in table.to_pylist()] == [
        (0, "a", "e"),
        (1, "a", "e"),
    ]
    assert list(writer(home, "L2").missing_readings(5)) == []
