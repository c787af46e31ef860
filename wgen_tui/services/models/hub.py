"""The Hugging Face hub: may this user have a model, and which commit does a revision stand for.

Promises: no torch, no download of weights; a hub that does not answer costs seconds; what the cache
knows is asked where the hub cannot be. Never prints a token.
"""

from __future__ import annotations

import os
import re
import time
from functools import lru_cache
from pathlib import Path

from wgen_tui.errors import UsageError
from wgen_tui.protocol.model_refs import FULL_COMMIT, ModelRef

HUB_SECONDS = 10.0
ASK_AGAIN_SECONDS = 60.0  # a plan is made anew with every change of an option


def offline() -> bool:
    """Whether the user told Hugging Face's libraries to stay off the network."""
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    return any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in names)


def commit_of(model: ModelRef) -> tuple[str | None, str]:
    """The commit that a hub model's revision stands for now, None where nothing tells; and a word.

    The hub counts, and offline, or where it cannot be reached, the cache's refs: the word says so.
    """
    if re.fullmatch(FULL_COMMIT, model.revision or ""):
        return model.revision, ""
    if not offline():
        minute = int(time.time() / ASK_AGAIN_SECONDS)
        if asked := _hub_commit(model.location, model.revision, minute):
            return asked, ""
    return _cached_commit(model), " (as the cache has it; the hub was not asked)"


@lru_cache(maxsize=64)
def _hub_commit(location: str, revision: str | None, _minute: int) -> str | None:
    # Takes a fifth of a second to import, and only hub models need it.
    from huggingface_hub import HfApi  # noqa: PLC0415

    try:
        info = HfApi().model_info(location, revision=revision, timeout=HUB_SECONDS)
    except Exception:  # as in ask_hub, which says what it is where the model is not in the cache
        return None
    return info.sha


def _cached_commit(model: ModelRef) -> str | None:
    """What the cache's refs say, written when the model was last fetched by that name."""
    from huggingface_hub.constants import HF_HUB_CACHE  # noqa: PLC0415 - as above
    from huggingface_hub.file_download import repo_folder_name  # noqa: PLC0415

    try:
        repo = Path(HF_HUB_CACHE) / repo_folder_name(repo_id=model.location, repo_type="model")
        commit = (repo / "refs" / (model.revision or "main")).read_text("utf-8").strip()
    except (OSError, ValueError):  # never fetched, or no name that a hub model could have
        return None
    return commit if re.fullmatch(FULL_COMMIT, commit) else None


def download_command(model: ModelRef) -> str:
    """The command that fetches a model."""
    revision = f" --revision {model.exact_revision}" if model.exact_revision else ""
    return f"hf download {model.location}{revision}"


def ask_hub(ref: ModelRef) -> None:
    """Ask the hub whether this user may have the model.

    Raises:
        UsageError: it does not exist, is gated, or the hub cannot be reached.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 - as above
    from huggingface_hub.errors import (  # noqa: PLC0415
        GatedRepoError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    revision = ref.exact_revision
    try:
        HfApi().auth_check(ref.location)
        HfApi().model_info(ref.location, revision=revision, timeout=HUB_SECONDS)
    except GatedRepoError as error:
        raise UsageError(
            f"The model {ref.name} is gated, and this user has no access yet.",
            title="Gated model",
            hint="Ask for access on its hub page, then set HF_TOKEN or run: hf auth login",
        ) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        what = f"revision {revision} of {ref.location}" if revision else ref.location
        raise UsageError(
            f"The hub has no model {what} (or it is private, and HF_TOKEN is missing).",
            title="No such model",
            hint="Check the spelling; a local model is given by its path; the embedded one is "
            "tiny-world.",
        ) from error
    except Exception as error:
        # No name, no route, no answer: whose exception that is depends on which HTTP library this
        # version of huggingface_hub uses.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UsageError(
            f"The model {ref.name} is not in the cache, and the hub cannot be reached: {reason}",
            title="Model not here",
            hint=f"Fetch it where there is a network: {download_command(ref)}; or give a local "
            "folder with --model PATH.",
        ) from error
