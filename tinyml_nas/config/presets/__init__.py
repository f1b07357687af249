"""Names that stand for many keys: features, data sets, sound."""
