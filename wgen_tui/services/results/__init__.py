"""Results as a whole, what is to be known beside them, and where each number comes from."""
