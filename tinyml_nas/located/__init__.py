"""YAML whose every value knows its line and column, and the mistakes that point there."""
