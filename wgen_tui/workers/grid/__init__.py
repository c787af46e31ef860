"""Many LoRA adapters over one frozen base in one pass: stacked for training and for sampling."""
