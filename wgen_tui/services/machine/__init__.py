"""This machine: its GPUs, memory and name."""
