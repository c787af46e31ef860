"""What every worker needs that asks a server: its client, and what it makes of the answers."""
