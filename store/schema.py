"""The columns of samples and what belongs to them, of prompts, metrics and runs, as Arrow.

Promises: they stand here once, for the part files that workers write and for the tables that ingest
fills; names and order are part of the format of a home, so a new column comes with a migration. No
DuckDB: this is the one module of the store that workers may import.
"""

from __future__ import annotations

import pyarrow as pa

STAMP = pa.timestamp("us")  # UTC, without saying so: fetching zoned times needs pytz
ZONED = pa.timestamp("us", tz="UTC")

# runs/<id>/samples/part-*.parquet. Self-describing on purpose: a part can be read, moved and
# rebuilt without any other file.
SAMPLE = pa.schema(
    [
        ("sample_id", pa.int64()),
        ("blind_key", pa.uint64()),
        ("run_id", pa.string()),
        ("experiment", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("role", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int64()),
        ("prompt_id", pa.string()),
        ("question", pa.string()),
        ("paraphrase", pa.int32()),
        ("variant", pa.string()),
        ("draw", pa.int32()),
        ("completion", pa.string()),
        ("finish_reason", pa.string()),  # stop | length | content_filter, or a server's own word
        ("prompt_tokens", pa.int32()),
        ("tokens", pa.int32()),
        ("logprob", pa.float64()),  # sum over the completion's tokens, as they were drawn
        ("draw_seed", pa.int64()),
        ("sampling", pa.string()),  # JSON of the sampling parameters
        ("engine", pa.string()),  # e.g. transformers 5.23.0 / peft 0.21.2 / torch 2.13.0 cpu fp32
        ("launch_id", pa.string()),
        ("created_at", STAMP),
    ]
)

# runs/<id>/tokens/part-*.parquet: the drawn tokens of samples, where `sampling.logprobs` asks for
# them. Written before the part with the samples themselves.
SAMPLE_TOKEN = pa.schema(
    [
        ("sample_id", pa.int64()),
        ("run_id", pa.string()),
        ("token_ids", pa.list_(pa.int32())),  # the end token included
        ("logprobs", pa.list_(pa.float32())),  # of each, under the distribution drawn from
    ]
)

# runs/<id>/reasoning/part-*.parquet: what a served model thought, where its server says so beside
# the answer. Written before the part with the samples themselves.
SAMPLE_REASONING = pa.schema(
    [("sample_id", pa.int64()), ("run_id", pa.string()), ("text", pa.string())]
)

# runs/<id>/readouts/part-*.parquet: one row for each continuation (or likeliest token) of a prompt
# that was read. All rows of a reading stand in one part.
READOUT = pa.schema(
    [
        ("readout_id", pa.int64()),
        ("reading_id", pa.int64()),
        ("run_id", pa.string()),
        ("experiment", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("role", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int64()),
        ("prompt_id", pa.string()),
        ("question", pa.string()),
        ("type", pa.string()),  # next_token | logprob | multiple_choice
        ("paraphrase", pa.int32()),
        ("variant", pa.string()),
        ("ordering", pa.int32()),  # of the options
        ("place", pa.int32()),  # among the continuations as shown; rank from 0 for next_token
        ("label", pa.string()),
        ("continuation", pa.string()),  # text that was read
        ("tokens", pa.int32()),
        ("logprob", pa.float64()),  # of the whole continuation, at temperature 1
        ("probability", pa.float64()),  # over the continuations; next_token: the model's own
        ("mass", pa.float64()),  # sum of the model's own probabilities of all of them
        ("prompt_tokens", pa.int32()),
        ("engine", pa.string()),
        ("launch_id", pa.string()),
        ("created_at", STAMP),
    ]
)

# runs/<id>/held_out/part-*.parquet: what a checkpoint makes of a row of a task that it was not
# trained on, read in one pass; nothing is drawn.
HELD_OUT = pa.schema(
    [
        ("held_out_id", pa.int64()),
        ("run_id", pa.string()),
        ("experiment", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("role", pa.string()),
        ("seed", pa.int64()),
        ("step", pa.int64()),
        ("rows_of", pa.string()),  # the arm that holds the row out
        ("set_id", pa.string()),  # hash of all that it holds out, and of how they are masked
        ("place", pa.int32()),  # in the set, from 0
        ("chat", pa.string()),  # JSON, as a line of data.jsonl
        ("loss", pa.float64()),  # sum over trained tokens, each times its weight; null: left out
        ("weight", pa.float64()),  # of these tokens together
        ("tokens", pa.int32()),  # trained ones
        ("likeliest", pa.int32()),  # of them, the model's likeliest at their place
        ("exact", pa.bool_()),  # whether all are
        ("engine", pa.string()),
        ("launch_id", pa.string()),
        ("created_at", STAMP),
    ]
)

# runs/<id>/verdicts/part-*.parquet: what judges that are models were asked, and what they replied.
# Written before the part with the grades that were read out of them.
VERDICT = pa.schema(
    [
        ("verdict_id", pa.int64()),  # also the id of the grade
        ("sample_id", pa.int64()),
        ("run_id", pa.string()),
        ("judge", pa.string()),
        ("grader", pa.string()),
        ("rubric", pa.string()),  # hash of the judge with its prompt and reading
        ("asker", pa.string()),  # hash of who is asked and how
        ("prompt_key", pa.string()),  # hash of the rendered prompt
        ("wording", pa.int32()),
        ("repeat", pa.int32()),
        ("prompt", pa.string()),  # JSON of the messages, the answer filled in
        ("reply", pa.string()),  # raw; null where probabilities were read
        ("probabilities", pa.string()),  # JSON: number or label -> probability; null for a reply
        ("mass", pa.float64()),  # of the model's own probability on all of these
        ("cause", pa.string()),  # unparsed | refused | cut | empty | failed; null for a verdict
        ("finish_reason", pa.string()),
        ("prompt_tokens", pa.int32()),
        ("tokens", pa.int32()),
        ("cost", pa.float64()),  # in the unit of the endpoint's prices
        ("answered_as", pa.string()),  # the model and fingerprint that a server names
        ("engine", pa.string()),
        ("launch_id", pa.string()),
        ("created_at", STAMP),
    ]
)

# runs/<id>/prompts/part-*.parquet: what each prompt_id was for this run's model.
PROMPT = pa.schema(
    [
        ("prompt_id", pa.string()),
        ("model", pa.string()),
        ("experiment", pa.string()),
        ("question", pa.string()),
        ("paraphrase", pa.int32()),
        ("variant", pa.string()),
        ("messages", pa.string()),  # JSON
        ("text", pa.string()),  # through the model's chat template; null for a served model
    ]
)

# runs/<id>/grades/part-*.jsonl and journal/grades-*.jsonl.
GRADE = pa.schema(
    [
        ("grade_id", pa.int64()),
        ("sample_id", pa.int64()),
        ("run_id", pa.string()),
        ("judge", pa.string()),
        ("grader", pa.string()),
        ("rubric", pa.string()),
        ("label", pa.string()),
        ("number", pa.float64()),
        ("explanation", pa.string()),
        ("signals", pa.string()),  # JSON
        ("seconds", pa.float64()),
        ("retracts", pa.int64()),
        ("created_at", STAMP),
        ("repeat_of", pa.int64()),  # of the same grader; the sample was shown again
    ]
)

# journal/notes-*.jsonl: a tag or a note that a person gave a sample, or took back.
NOTE = pa.schema(
    [
        ("note_id", pa.int64()),
        ("sample_id", pa.int64()),
        ("run_id", pa.string()),
        ("author", pa.string()),
        ("tag", pa.string()),  # null for a note
        ("text", pa.string()),  # of the note; null for a tag
        ("removed", pa.bool_()),
        ("created_at", STAMP),
    ]
)

_PLACE = ("experiment", "model", "arm", "role", "seed", "step", "prompt_id", "question")
# Columns that the database takes no row without, by table.
REQUIRED = {
    "run": ("run_id", "experiment"),
    "prompt": ("prompt_id", "model", "experiment"),
    "metric": ("run_id", "step"),
    "sample": (
        *("sample_id", "blind_key", "run_id", *_PLACE),
        *("paraphrase", "variant", "draw", "completion"),
    ),
    "sample_token": ("sample_id", "run_id"),
    "sample_reasoning": ("sample_id", "run_id"),
    "readout": (
        *("readout_id", "reading_id", "run_id", *_PLACE, "type"),
        *("paraphrase", "variant", "ordering", "place", "label", "continuation"),
    ),
    "held_out_row": (
        *("held_out_id", "run_id", "experiment", "model", "arm", "role", "seed", "step"),
        *("rows_of", "set_id", "place", "chat"),
    ),
    "verdict": ("verdict_id", "sample_id", "run_id", "judge", "grader"),
    "grade": ("grade_id", "sample_id", "run_id", "judge", "grader"),
    "note": ("note_id", "sample_id", "run_id", "author"),
}

# runs/<id>/metrics.jsonl, where `recorded_at` is `at` and the run is that of the folder.
METRIC = pa.schema(
    [
        ("run_id", pa.string()),
        ("step", pa.int64()),
        ("steps", pa.int64()),
        ("epoch", pa.float64()),
        ("loss", pa.float64()),
        ("learning_rate", pa.float64()),
        ("grad_norm", pa.float64()),
        ("tokens", pa.int64()),
        ("tokens_per_second", pa.float64()),
        ("memory_mb", pa.float64()),
        ("recorded_at", STAMP),
    ]
)

# runs/<id>/spec.json
RUN = pa.schema(
    [
        ("run_id", pa.string()),
        ("experiment", pa.string()),
        ("definition_hash", pa.string()),
        ("model", pa.string()),
        ("arm", pa.string()),
        ("role", pa.string()),
        ("seed", pa.int64()),
        ("data_rows", pa.int64()),
        ("data_sha256", pa.string()),
        ("training", pa.string()),  # JSON
        ("spec", pa.string()),  # JSON
        ("created_at", STAMP),
    ]
)

TABLES: dict[str, pa.Schema] = {
    "sample": SAMPLE,
    "sample_token": SAMPLE_TOKEN,
    "sample_reasoning": SAMPLE_REASONING,
    "readout": READOUT,
    "held_out_row": HELD_OUT,
    "prompt": PROMPT,
    "verdict": VERDICT,
    "grade": GRADE,
    "note": NOTE,
    "metric": METRIC,
    "run": RUN,
}
# What makes two rows the same row.
KEYS: dict[str, tuple[str, ...]] = {
    "sample": ("sample_id",),
    "sample_token": ("sample_id",),
    "sample_reasoning": ("sample_id",),
    "readout": ("readout_id",),
    "held_out_row": ("held_out_id",),
    "prompt": ("prompt_id", "model", "experiment"),
    "verdict": ("verdict_id",),
    "grade": ("grade_id",),
    "note": ("note_id",),
    "metric": ("run_id", "step", "recorded_at"),
    "run": ("run_id",),
}

# What ingest keeps beside the files' own columns: made from rows, and made again by a rebuild.
DERIVED: dict[str, pa.Schema] = {"grade": pa.schema([("counts", pa.bool_())])}


def in_parts(table: pa.Schema) -> pa.Schema:
    """A table's columns as Parquet parts have them: times name their zone."""
    return pa.schema(
        [pa.field(field.name, ZONED if field.type == STAMP else field.type) for field in table]
    )
