"""The sections of the YAML: their keys, what each means, and their defaults."""
