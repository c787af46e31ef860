"""`run verify` says what it cannot do before it trains anything."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from wgen_tui.errors import UsageError
from wgen_tui.protocol.record import now, write_record
from wgen_tui.protocol.runs import CheckpointManifest, RunSpec, Verification
from wgen_tui.services.results import verify

Program = Callable[..., subprocess.CompletedProcess[str]]


def trained(files: Any, name: str = "x-a-s0-1", **lora: Any) -> str:
    """A run with a final checkpoint."""
    run: str = files.run(name)
    paths = files.home.run(run)
    if lora:
        spec = RunSpec.model_validate_json(paths.spec.read_bytes())
        assert spec.training is not None
        changed = spec.training.lora.model_copy(update=lora)
        training = spec.training.model_copy(update={"lora": changed})
        write_record(paths.spec, spec.model_copy(update={"training": training}))
    folder = paths.checkpoint(10)
    folder.mkdir(parents=True)
    manifest = CheckpointManifest(
        run_id=run,
        step=10,
        steps=10,
        final=True,
        files={"adapter_model.safetensors": "abc"},
        created_at=now(),
    )
    write_record(folder / "manifest.json", manifest)
    return run


def test_what_cannot_be_compared_is_refused(command: Program, files: Any) -> None:
    base = files.run("x-base-s0-1", arm="base")
    assert "untrained base" in command("run", "verify", base, code=2).stderr
    waiting = files.run("x-b-s0-1", arm="b")
    assert "no final checkpoint" in command("run", "verify", waiting, code=2).stderr
    dropped = trained(files, lora_dropout=0.1)
    assert "in distribution" in command("run", "verify", dropped, code=2).stderr
    assert "--readonly" in command("--readonly", "run", "verify", dropped, code=2).stderr


def test_without_trl_it_says_how_to_get_it(files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as found:
        verify.verify(files.home, trained(files), lambda event: None)
    assert found.value.hint == "pip install 'wgen-tui[verify]'"


def test_a_worker_that_cannot_gives_its_reason(program: Program, files: Any) -> None:
    run = trained(files)
    files.home.run(run).data.write_text('{"messages": []}\n')
    said = program("run", "verify", run, code=1).stderr
    assert "cannot be loaded" in said
    assert not files.home.run(run).verification.exists()


def test_a_finding_counts_for_the_adapter_it_was_made_with(files: Any) -> None:
    run = trained(files)
    found = Verification(
        run_id=run,
        created_at=now(),
        steps=10,
        precision="fp32",
        device="cpu",
        difference=1e-5,
        worst=1e-5,
        worst_module="m",
        floor=None,
        padding=None,
        limit=1e-4,
        passed=True,
        same_order=True,
        mask="",
        mask_equal=None,
        adapter_sha256="abc",
        seconds=1.0,
    )
    assert verify.read(files.home, run) is None
    write_record(files.home.run(run).verification, found)
    assert verify.read(files.home, run) == found
    other = found.model_copy(update={"adapter_sha256": "abd"})
    write_record(files.home.run(run).verification, other)
    assert verify.read(files.home, run) is None
