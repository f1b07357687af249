"""From a trained float model to the one integer model."""
