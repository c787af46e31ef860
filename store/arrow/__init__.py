"""What reads the files of runs as Arrow, which most readers of the database have no use for."""
