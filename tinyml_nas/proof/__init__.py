"""The proof that everything exported computes the bits of the one integer model, and its cost."""
