"""Judges that are models: whom their names stand for, and what they are asked."""
