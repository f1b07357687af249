"""Differentiable search in the cell space: the supernet, its cost and its bilevel loop."""
