"""What a run has on disk, and what it still lacks: read by plan and worker alike; no torch."""
