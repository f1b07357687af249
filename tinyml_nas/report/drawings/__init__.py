"""SVG drawings of the report: light and dark, the same bytes for the same run."""
