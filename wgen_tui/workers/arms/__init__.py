"""What arms are beside rows to train on: held near their base, or with rows of a model's own."""
