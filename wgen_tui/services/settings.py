"""config.toml: the policy of the queue, the GPUs, the disk and Slurm.

Promises: a mistake is named by file and key, with the nearest right key; what is not written has a
default that suits a rented box; a supervisor reads the file again when it has changed.
"""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wgen_tui.paths import Home
from wgen_tui.protocol.queue import SlurmSettings
from wgen_tui.services.config_file import read_config, wrong
from wgen_tui.services.suggest import did_you_mean

TABLES = ("endpoints", "judges", "queue", "gpu", "disk", "slurm", "notify", "keys")
READ_APART = ("endpoints", "judges", "keys")  # by services.models, and by the screens
Table = TypeVar("Table", bound=BaseModel)


class _Policy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class QueuePolicy(_Policy):
    """`[queue]`.

    Attributes:
        cpu_slots: Launches at once that use no GPU: all of them on a box without one; the judge
            stage and served models on any.
        grace: Seconds that a cancelled worker has for its checkpoint, before it is killed.
    """

    cpu_slots: int = Field(default=1, ge=1, le=256)
    grace: float = Field(default=30.0, ge=0)


class GpuPolicy(_Policy):
    """`[gpu]`.

    Attributes:
        per_gpu: Most launches of ours on one GPU.
        reserve_mb: Memory of each GPU that is left free.
        share_with_others: Whether a GPU is used on which somebody else's process computes.
    """

    per_gpu: int = Field(default=4, ge=1, le=64)
    reserve_mb: int = Field(default=1024, ge=0)
    share_with_others: bool = False


class DiskPolicy(_Policy):
    """`[disk]`. Below `floor_mb` of free space nothing is started and workers hold."""

    floor_mb: int = Field(default=1024, ge=0)


class NotifyPolicy(_Policy):
    """`[notify]`. `command` is an argument list; it never goes through a shell."""

    command: tuple[str, ...] = ()


class Settings(_Policy):
    """config.toml but for its endpoints, judges and keys, which others read."""

    queue: QueuePolicy = QueuePolicy()
    gpu: GpuPolicy = GpuPolicy()
    disk: DiskPolicy = DiskPolicy()
    notify: NotifyPolicy = NotifyPolicy()
    slurm: SlurmSettings = SlurmSettings()


def read_settings(home: Home) -> Settings:
    """The settings of a home; the defaults without the file.

    Raises:
        UsageError: the file cannot be read, or has a mistake in it.
    """
    config = read_config(home)
    for name in config:
        if name not in TABLES:
            hint = did_you_mean(name, TABLES, form="[{}]")
            raise wrong(home, name, "no such table", hint)
    parts = {name: table for name, table in config.items() if name not in READ_APART}
    fields = Settings.model_fields
    return Settings(**{n: _table(home, n, t, type(fields[n].default)) for n, t in parts.items()})


def _table(home: Home, name: str, table: object, model: type[Table]) -> Table:
    if not isinstance(table, dict):
        raise wrong(home, name, "is not a table", f"Write [{name}] above its keys.")
    known = list(model.model_fields)
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known)
            raise wrong(home, f"{name}.{key}", "no such key", hint)
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise wrong(home, f"{name}.{key}", what[:1].lower() + what[1:]) from None
