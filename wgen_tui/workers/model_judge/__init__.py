"""The workers that judge samples by models: one loaded here, or one that a server has."""
