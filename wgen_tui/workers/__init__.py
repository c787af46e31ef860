"""Processes that import torch."""
