"""One supernet whose parts serve every network of the chain space."""
