"""What makes two base models the same."""

from __future__ import annotations

import shutil
from pathlib import Path

from wgen_tui.protocol.runs import ModelRef
from wgen_tui.services.models import fingerprint
from wgen_tui.services.models.fingerprint import weights_key


def make(folder: Path, data: bytes) -> ModelRef:
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(data)
    (folder / "config.json").write_text("{}")
    return ModelRef(name=folder.name, location=str(folder))


def test_a_moved_model_is_the_same_and_a_retrained_one_is_not(tmp_path: Path) -> None:
    one = make(tmp_path / "one", b"weights")
    shutil.copytree(one.location, tmp_path / "two")
    two = ModelRef(name="two", location=str(tmp_path / "two"))
    assert weights_key(one) == weights_key(two)
    (tmp_path / "two" / "model.safetensors").write_bytes(b"WEIGHTS")
    assert weights_key(one) != weights_key(two)


def test_large_files_are_told_apart_by_their_ends(tmp_path: Path) -> None:
    size = fingerprint.HASHED_WHOLE + 1
    one, two = make(tmp_path / "one", b""), make(tmp_path / "two", b"")
    for model, end in ((one, b"a"), (two, b"b")):
        with (Path(model.location) / "model.safetensors").open("wb") as stream:
            stream.truncate(size)  # sparse: takes no room
            stream.seek(size - 1)
            stream.write(end)
    assert weights_key(one) != weights_key(two)


def test_a_hub_id_counts_with_its_revision() -> None:
    plain = ModelRef(name="a/b", location="a/b")
    assert weights_key(plain) != weights_key(plain.model_copy(update={"revision": "v2"}))
