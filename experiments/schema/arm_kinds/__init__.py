"""What an arm may say to be of a kind of its own: between two others, or with rows twice."""
