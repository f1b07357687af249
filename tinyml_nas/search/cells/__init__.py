"""The cell space of DARTS as plain data, free of torch: primitives, genotypes, their networks."""
