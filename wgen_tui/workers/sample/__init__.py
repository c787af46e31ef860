"""The sample worker: draws completions and reads probabilities."""
