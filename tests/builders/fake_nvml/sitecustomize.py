"""Python runs this as it starts: without a driver nobody would look for `pynvml`."""

import pynvml  # noqa: F401
