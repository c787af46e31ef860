"""Base models: finding them, their architecture, their weights, their servers."""
