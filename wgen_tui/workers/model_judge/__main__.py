"""`python -m wgen_tui.workers.model_judge`: judges samples by a model that is loaded here."""

import gc

gc.disable()  # what is imported stays; looking for garbage in it is a fifth of the start


from wgen_tui.workers.model_judge.stage import judge  # noqa: E402
from wgen_tui.workers.runtime import exit_process, launch_worker  # noqa: E402

if __name__ == "__main__":
    exit_process(launch_worker("judge", judge))
