"""Which model the name of a judge's model stands for: what config.toml and the command line map.

Promises: a published name (`gpt-4.1`) is never guessed at: it is mapped, or its judges wait.
"""

from __future__ import annotations

from collections.abc import Mapping

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.protocol.runs import ModelRef
from wgen_tui.run_files.model_place import EMBEDDED
from wgen_tui.services.config_file import read_config, wrong
from wgen_tui.services.models.endpoints import names_endpoint, read_endpoints
from wgen_tui.services.models.resolve import check_model, names_folder, resolve_model

EXAMPLE = '"gpt-4.1" = "ENDPOINT:MODEL-ID"'


class Unmapped(Exception):
    """A name that stands for no model here; the message says why."""


def read_mapping(home: Home) -> dict[str, str]:
    """`[judges]` of config.toml: what stands in definitions -> what is asked.

    Raises:
        UsageError: the file cannot be read, or has a mistake there.
    """
    table = read_config(home).get("judges", {})
    if not isinstance(table, dict):
        raise wrong(home, "judges", "is not a table", f"Write [judges], and below it {EXAMPLE}.")
    for name, model in table.items():
        if not isinstance(model, str) or not model.strip():
            hint = f"In quotes, both of them, for the dot in a name: {EXAMPLE}"
            raise wrong(home, f"judges.{name}", "is not the name of a model", hint)
    return dict(table)


def parse_mapping(texts: tuple[str, ...]) -> dict[str, str]:
    """`--judge-model NAME=MODEL`, as often as given.

    Raises:
        UsageError: one of them is none.
    """
    mapping = {}
    for text in texts:
        name, sign, model = text.partition("=")
        if not (sign and name.strip() and model.strip()):
            raise UsageError(
                f"--judge-model {text}: give the name in the definition, = and a model.",
                title="Bad judge model",
                hint="--judge-model gpt-4.1=ENDPOINT:MODEL-ID, or =Qwen/Qwen3-8B, or a folder.",
            )
        mapping[name.strip()] = model.strip()
    return mapping


def judge_model(home: Home, name: str, mapping: Mapping[str, str]) -> ModelRef:
    """The model that a judge's `model` stands for.

    Args:
        home: Whose endpoints.
        name: As the definition says.
        mapping: Names that stand for others.

    Raises:
        Unmapped: nothing says which model it is.
        UsageError: it is mapped to what is no model, or cannot be loaded here.
    """
    wanted = mapping.get(name, name)
    if name not in mapping and not _names_a_model(home, name):
        raise Unmapped(_why_unmapped(name))
    model = resolve_model(home, wanted)
    check_model(model, None)
    return model


def _names_a_model(home: Home, name: str) -> bool:
    """Whether a name says by itself which model it is."""
    if names_endpoint(name):
        return name.partition(":")[0] in read_endpoints(home)
    return name == EMBEDDED or names_folder(name) or name.partition("@")[0].count("/") == 1


def _why_unmapped(name: str) -> str:
    if names_endpoint(name):
        return f"config.toml has no endpoint {name.partition(':')[0]}"
    return f"nothing says which model {name} is"
