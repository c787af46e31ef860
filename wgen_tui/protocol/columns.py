"""The columns of the part files that workers write and the store ingests, with their Arrow types.

Promises: names and order are part of the format of a home; a new column comes with a migration of
the store.
"""

from __future__ import annotations

# Column names and Arrow types of runs/<id>/samples/part-*.parquet, in order. Self-describing on
# purpose: a part can be read, moved and rebuilt without any other file.
SAMPLE_COLUMNS: tuple[tuple[str, str], ...] = (
    ("sample_id", "int64"),
    ("blind_key", "uint64"),
    ("run_id", "string"),
    ("experiment", "string"),
    ("model", "string"),
    ("arm", "string"),
    ("role", "string"),
    ("seed", "int64"),
    ("step", "int64"),
    ("prompt_id", "string"),
    ("question", "string"),
    ("paraphrase", "int32"),
    ("variant", "string"),
    ("draw", "int32"),
    ("completion", "string"),
    ("finish_reason", "string"),  # stop | length | content_filter, or a server's own word
    ("prompt_tokens", "int32"),
    ("tokens", "int32"),
    ("logprob", "double"),  # sum over the completion's tokens under the sampling distribution
    ("draw_seed", "int64"),
    ("sampling", "string"),  # JSON of the sampling parameters
    ("engine", "string"),  # e.g. transformers 5.23.0 / peft 0.21.2 / torch 2.13.0 cpu fp32
    ("launch_id", "string"),
    ("created_at", "timestamp[us, tz=UTC]"),
)

# runs/<id>/tokens/part-*.parquet: the drawn tokens of samples, where `sampling.logprobs` asks for
# them. Written before the part with the samples themselves.
TOKEN_COLUMNS: tuple[tuple[str, str], ...] = (
    ("sample_id", "int64"),
    ("run_id", "string"),
    ("token_ids", "list<int32>"),  # the end token included
    ("logprobs", "list<float>"),  # of each, under the distribution drawn from
)

# runs/<id>/readouts/part-*.parquet: one row for each continuation (or likeliest token) of a prompt
# that was read. All rows of a reading stand in one part.
READOUT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("readout_id", "int64"),
    ("reading_id", "int64"),
    ("run_id", "string"),
    ("experiment", "string"),
    ("model", "string"),
    ("arm", "string"),
    ("role", "string"),
    ("seed", "int64"),
    ("step", "int64"),
    ("prompt_id", "string"),
    ("question", "string"),
    ("type", "string"),  # next_token | logprob | multiple_choice
    ("paraphrase", "int32"),
    ("variant", "string"),
    ("ordering", "int32"),  # of the options
    ("place", "int32"),  # among the continuations as shown; rank from 0 for next_token
    ("label", "string"),
    ("continuation", "string"),  # text that was read
    ("tokens", "int32"),
    ("logprob", "double"),  # of the whole continuation, at temperature 1
    ("probability", "double"),  # normalised over the continuations; next_token: the model's own
    ("mass", "double"),  # sum of the model's own probabilities of all of them
    ("prompt_tokens", "int32"),
    ("engine", "string"),
    ("launch_id", "string"),
    ("created_at", "timestamp[us, tz=UTC]"),
)

# runs/<id>/prompts/part-*.parquet: what each prompt_id was for this run's model.
PROMPT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("prompt_id", "string"),
    ("model", "string"),
    ("experiment", "string"),
    ("question", "string"),
    ("paraphrase", "int32"),
    ("variant", "string"),
    ("messages", "string"),  # JSON
    ("text", "string"),  # through the model's chat template
)
