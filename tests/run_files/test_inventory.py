"""What counts as being there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from wgen_tui.paths import Home
from wgen_tui.run_files import inventory


def test_draws_in_a_damaged_part_are_missing_and_the_others_are_not(home: Home) -> None:
    run = home.run("x-a-s0-1")
    run.samples.mkdir(parents=True)
    for number in range(2):
        table = pa.table({"sample_id": [number], "question": ["q"]})
        pq.write_table(table, run.samples / f"part-L-{number}.parquet")
    assert inventory.samples(run) == {0: "q", 1: "q"}
    (run.samples / "part-L-0.parquet").write_bytes(b"PAR1")
    assert inventory.samples(run) == {1: "q"}
