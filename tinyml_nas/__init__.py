"""TinyML model zoo: one YAML in, a verified int8 model for a microcontroller out."""

__version__ = "0.1.0"
