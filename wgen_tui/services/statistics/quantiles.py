"""Student's t and the normal distribution, as scipy.special has them, without the rest of it.

Promises: the functions are scipy's own, so every digit is scipy's; importing this loads the one
compiled module that has them. The package around it loads NumPy's test tools, f2py and more for
what no number here needs: 13 MB and ten times the time. Whoever imports `scipy.special` or
`scipy.stats` afterwards gets all of it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType

import scipy

PACKAGE, MODULE = "scipy.special", "scipy.special._ufuncs"
NAMES = ("ndtri", "stdtr", "stdtrit")


def _load() -> ModuleType:
    """The module that has the functions: the compiled one alone, else the whole package."""
    if PACKAGE in sys.modules:
        return sys.modules[PACKAGE]
    if (spec := PathFinder.find_spec(PACKAGE, scipy.__path__)) is not None:
        # A module is looked for in its package, which need not have been run for that.
        sys.modules[PACKAGE] = module_from_spec(spec)
        try:
            module = import_module(MODULE)
        except ImportError:
            pass  # scipy keeps them elsewhere
        else:
            if all(hasattr(module, name) for name in NAMES):
                return module
        finally:
            del sys.modules[PACKAGE]
    return import_module(PACKAGE)


_functions = _load()


def normal_quantile(p: float) -> float:
    """Below which a standard normal variable is with probability `p`."""
    return float(_functions.ndtri(p))


def t_quantile(freedom: float, p: float) -> float:
    """Below which Student's t of so many degrees of freedom is with probability `p`."""
    return float(_functions.stdtrit(freedom, p))


def t_below(freedom: float, t: float) -> float:
    """The probability that Student's t of so many degrees of freedom is below `t`."""
    return float(_functions.stdtr(freedom, t))
