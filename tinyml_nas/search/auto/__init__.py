"""What the default search knows and learns of the networks that it has yet to train."""
