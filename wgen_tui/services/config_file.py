"""config.toml as it stands; what each table of it means, others know.

Promises: importing this loads next to nothing, so that the screens can look for their keys at once.
"""

from __future__ import annotations

import tomllib
from typing import Any

from wgen_tui.errors import UsageError
from wgen_tui.paths import Home
from wgen_tui.plain_files import read_plain, why_not


def read_config(home: Home) -> dict[str, Any]:
    """config.toml as it stands; empty without the file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return tomllib.loads(read_plain(home.config).decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):  # a home below a file is as good as none
        return {}
    except RecursionError:
        why = "it is nested too deeply"
        raise UsageError(f"{home.config}: {why}.", title="Configuration unreadable") from None
    except (OSError, ValueError) as error:
        why = why_not(error)
        raise UsageError(f"{home.config}: {why}.", title="Configuration unreadable") from None


def wrong(home: Home, key: str, what: str, hint: str = "") -> UsageError:
    """The error for a mistake in config.toml."""
    return UsageError(f"{home.config}: {key}: {what}.", title="Wrong configuration", hint=hint)
