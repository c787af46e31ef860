"""What a launch will need: memory, disk, time."""
