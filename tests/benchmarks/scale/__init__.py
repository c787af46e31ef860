"""Benches at scale: homes of many samples, and what the product costs in them beside its peers."""
