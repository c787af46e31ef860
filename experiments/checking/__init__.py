"""What a definition must satisfy beyond its shape; `experiments.checks` asks each of these."""
