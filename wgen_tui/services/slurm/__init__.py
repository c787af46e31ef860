"""Slurm's commands, job states and options."""
