"""Seeds whose adapters are one file are named: they are not two observations."""

from __future__ import annotations

from pathlib import Path

from experiments.schema import TrainingConfig
from tests.builders.home import write_run
from wgen_tui.paths import Home
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest
from wgen_tui.services.results.compared import Compared
from wgen_tui.services.results.unlike_runs import ADAPTER, same_adapters

HASHES = {"x-a-s0-1": "one", "x-a-s1-2": "one", "x-a-s2-3": "two"}


def test_runs_with_one_adapter_are_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    for seed, (name, sha) in enumerate(HASHES.items()):
        write_run(home, name, seed=seed, experiment="x", training=TrainingConfig(max_steps=10))
        folder = home.run(name).checkpoint(10)
        folder.mkdir(parents=True)
        manifest = CheckpointManifest(
            run_id=name, step=10, steps=10, final=True, files={ADAPTER: sha}, created_at=now()
        )
        write_record(folder / "manifest.json", manifest)
    (note,) = same_adapters(Compared(home, "x", None, None))
    assert (note.count, note.runs) == (2, ["x-a-s0-1", "x-a-s1-2"])
    assert "the same adapter to the byte" in note.text
