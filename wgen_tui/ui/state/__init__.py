"""View models: what the screens show, as plain text and cells, without Textual."""
