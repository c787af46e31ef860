"""What services and workers both know of training data: the loss mask, and what can be wrong."""
