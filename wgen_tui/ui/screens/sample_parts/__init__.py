"""What the screen Samples has beside its list of samples: equal texts folded, values to choose."""
