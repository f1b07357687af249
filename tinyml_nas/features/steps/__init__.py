"""The steps of a feature chain, a family to a file."""
