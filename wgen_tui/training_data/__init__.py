"""What services and workers both know of training: loss masks, adapters, what can be wrong."""
