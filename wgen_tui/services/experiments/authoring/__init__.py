"""Definitions as people write them: what they begin as, and what is wrong with them."""
