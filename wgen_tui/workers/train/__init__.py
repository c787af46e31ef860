"""The train worker: LoRA fine-tunes, in a grid, jointly, or one by one."""
