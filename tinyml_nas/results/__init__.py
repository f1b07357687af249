"""The record of a run: what the stages write down, and all that the report reads."""
