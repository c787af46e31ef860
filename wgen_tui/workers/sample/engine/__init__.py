"""Decoding for several adapters off one loaded base."""
