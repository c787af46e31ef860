"""A package of its own, so that no `tests` that some installed package ships is taken for it."""
