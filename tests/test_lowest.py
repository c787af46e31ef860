"""`make lowest` pins what pyproject.toml claims, and only that."""

from __future__ import annotations

import pytest

from tests.lowest import constraints

PYPROJECT = """
[project]
dependencies = ["numpy>=2.0", "pyyaml>=6.0.1,<7"]
[project.optional-dependencies]
verify = ["trl>=1.16"]
dev = ["trl>=1.16", "pytest>=9.0", "numpy[all]>=2.0"]
"""
TESTED = "# Tested\nnumpy==2.4.6\npytest==9.2.0\ntrl==1.16.0\ntqdm==4.70.1\n"


def test_direct_dependencies_are_lowest_and_tools_as_tested() -> None:
    assert constraints(PYPROJECT, TESTED) == [
        *("numpy==2.0", "pyyaml==6.0.1", "trl==1.16"),
        "pytest==9.2.0",
    ]


def test_a_dependency_without_a_lower_bound_is_refused() -> None:
    with pytest.raises(ValueError, match="numpy<3 has no lower bound"):
        constraints(PYPROJECT.replace("numpy>=2.0", "numpy<3"), TESTED)
