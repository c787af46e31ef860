"""What people do to runs, and see of them: cancel, pause, restart, watch."""
