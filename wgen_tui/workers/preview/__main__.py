"""`python -m wgen_tui.workers.preview [--with-torch]`: the preview worker."""

import gc
import os
import sys

gc.disable()  # what is imported stays; looking for garbage in it is a fifth of the start

# To load torch takes two thirds of the start, and no tokenizer of transformers' own needs it; what
# a stranger's code imports is another matter. None is Python's way to say that there is no module.
if "--with-torch" not in sys.argv:
    sys.modules["torch"] = None  # type: ignore[assignment]
    os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"  # that no model can be loaded

from wgen_tui.workers.preview.report import main  # noqa: E402

if __name__ == "__main__":
    gc.freeze()
    gc.enable()
    sys.exit(main())
