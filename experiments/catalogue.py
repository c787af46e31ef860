"""Where definitions are, and how one is read: built-in ones, and the user's over them.

Promises: the same slug in the user's folder shadows the built-in one; a definition that is loaded
has passed every check that needs no model; loading reads files and runs nothing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments import folders, loading
from experiments.errors import DefinitionError, Problem
from experiments.schema import NAME, Definition
from experiments.seen_files import SeenFiles
from experiments.suggest import did_you_mean

FILE = folders.FILE
Entry = folders.Entry
builtin_root = folders.builtin_root
list_definitions = folders.list_definitions


def find(slug_or_path: str | Path, home_experiments: Path | None = None) -> Path:
    """The folder of a definition, by slug or by path (of the folder or its experiment.yaml).

    Raises:
        DefinitionError: there is none; the nearest slug is named.
    """
    text = str(slug_or_path)
    path = _expanded(text)
    if path is not None and path.is_absolute() and (path / FILE).is_file():
        return path  # no slug: nothing needs to be listed
    entries = {entry.slug: entry.path for entry in list_definitions(home_experiments)}
    if text in entries:
        return entries[text]
    if path is not None and path.name == FILE and path.is_file():
        return path.parent.absolute()
    if path is not None and (path / FILE).is_file():
        return path.absolute()
    if path is not None and path.is_dir():
        hint = f"A definition is a folder with {FILE}; `wgen-tui experiment new` writes one."
        raise DefinitionError(Problem(f"There is no {FILE} in it.", hint, path))
    raise DefinitionError(
        Problem(f"There is no experiment {text!r}.", did_you_mean(text, sorted(entries)))
    )


def _expanded(text: str) -> Path | None:
    """What a user wrote as a path; None when it can be none."""
    try:
        path = Path(text).expanduser()
        path.exists()
    except (OSError, RuntimeError, ValueError):  # too long; nobody's home; a NUL
        return None
    return path


def load(
    slug_or_path: str | Path,
    home_experiments: Path | None = None,
    files: SeenFiles | None = None,
) -> Definition:
    """Read and check a definition.

    Args:
        slug_or_path: Which.
        home_experiments: Where the user's are.
        files: Is told of every file that was read.

    Raises:
        DefinitionError: it is absent or wrong; every problem found, with file, line and key.
    """
    return loading.load_folder(find(slug_or_path, home_experiments), files)


def load_told(slug_or_path: str | Path, home_experiments: Path | None = None) -> loading.Loaded:
    """Read and check a definition, and say what was read otherwise than it stands.

    Raises:
        DefinitionError: as `load`.
    """
    return loading.load_told(find(slug_or_path, home_experiments))


def definition_hash(definition: Definition) -> str:
    """Twelve hex digits that change with anything the definition says (not with its data).

    What it leaves out does not count: a key that a later version adds changes no hash. Nor do
    figures of others, from which nothing follows.
    """
    said = definition.model_dump_json(exclude_defaults=True, exclude={"published", "scales"})
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def copy_out(slug: str, target: Path, home_experiments: Path | None = None) -> Path:
    """Copy a definition's folder to `target`, to be changed there.

    Raises:
        DefinitionError: there is no such definition, or the target exists or is badly named.
    """
    source = find(slug, home_experiments)
    if not NAME.match(target.name):
        raise DefinitionError(
            Problem(
                f"{target.name!r} cannot be a slug.", "Use letters, digits, '.', '_' and '-'.", None
            )
        )
    if target.exists():
        raise DefinitionError(Problem("It exists already.", "Choose another slug.", target))
    with beside(target) as temporary:
        # A link stays one: where it leads out of the folder, loading refuses it here as there.
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, temporary, symlinks=True, ignore=ignored)
    return target


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A folder to be filled that takes the target's place at the end, or leaves nothing.

    What was copied into it may be anybody's to read; in a home it is its owner's alone.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        yield temporary
        for path in (temporary, *temporary.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
