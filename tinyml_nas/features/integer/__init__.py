"""The same features in integers, as the generated C computes them."""
