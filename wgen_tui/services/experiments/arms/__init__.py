"""What is particular to some arms: what they differ in, and which go on from which."""
