"""A home on disk."""

from tests.services.conftest import home as home
