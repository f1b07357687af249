"""From the integer model to what a firmware ships, with the proof that it is the same model."""
