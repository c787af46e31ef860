"""Which rows of an arm are trained, and in which context."""
