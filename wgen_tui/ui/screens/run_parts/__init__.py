"""What the screen Runs is made of: what its keys do, and the panes below its list."""
