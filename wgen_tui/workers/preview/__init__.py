"""The preview worker: training data as a model sees it, by its tokenizer alone."""
