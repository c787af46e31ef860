"""Stock chat templates and architectures, and what becomes of them here: docs/models.md."""
