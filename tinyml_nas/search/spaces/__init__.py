"""Search spaces: each a file that decodes genomes to networks."""

from tinyml_nas.search.spaces.autoencoder import AutoencoderSpace
from tinyml_nas.search.spaces.chain import ChainSpace
from tinyml_nas.search.spaces.space import (
    Decision,
    Genome,
    Space,
    Value,
    crossover,
    genome_key,
    mutate,
    random_genome,
)

__all__ = [
    "AutoencoderSpace",
    "ChainSpace",
    "Decision",
    "Genome",
    "Space",
    "Value",
    "crossover",
    "genome_key",
    "mutate",
    "random_genome",
]
