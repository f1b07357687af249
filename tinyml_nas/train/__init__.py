"""From a network and features to trained float weights: one loop for every model."""
