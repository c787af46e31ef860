"""What a GPU needs so that it does not wait for the host."""
