"""A run's rows in two clusters, by an early checkpoint: the worker of `run upsample`."""
