"""Evidence: what can be known of one thing, captured into a file before anything is done to it, and read back."""
