"""How much of its window a network sees, in the samples that a configuration tells of."""

from __future__ import annotations

from collections.abc import Mapping

from tinyml_nas.config import Config
from tinyml_nas.features.chain import domain_after
from tinyml_nas.features.signal import Domain, settings_of
from tinyml_nas.features.steps.decimate import FE_DECIMATE
from tinyml_nas.graph import Network, idle_taps, reach_of
from tinyml_nas.results.reach_words import Reach, Unit, too_little

UNITS: Mapping[Domain, Unit] = {
    "magnitude": "bins",
    "bins": "bins",
    "decibel": "bins",
}
"""What a step of an input is that stands for no time; of other domains a value."""
UNTOLD_RATE = 1.0
"""The default of sampling_rate."""


def is_series(config: Config) -> bool:
    """Whether a network reads samples over time, not features of them."""
    return domain_after(config.data_processing_feature_extraction.feat_ext_transform) == "samples"


def window_reach(network: Network, config: Config) -> Reach:
    """What ``network`` sees of a window; a decimated step counts as the samples it stands for."""
    names = config.data_processing_feature_extraction.feat_ext_transform
    seen, whole = reach_of(network), network.input_shape.length
    if not is_series(config):
        joined = config.data_processing_feature_extraction.num_frame_concat
        of_frames = joined > 1 and whole == joined
        unit: Unit = "frames" if of_frames else UNITS.get(domain_after(names), "values")
        return Reach(seen=seen, whole=whole, unit=unit)
    settings = settings_of(config, whole)
    factor = settings.resampling_factor if FE_DECIMATE.name in names else 1
    rate = settings.sampling_rate
    return Reach(
        seen=seen * factor,
        whole=whole * factor,
        unit="samples",
        seconds_per_step=None if rate == UNTOLD_RATE else 1 / rate,
    )


def reach_warnings(network: Network, config: Config) -> list[str]:
    """What there is to say of the reach of ``network`` and of its layers', a sentence each."""
    name, reach = network.name, window_reach(network, config)
    said = [too_little(name, reach)] if reach.is_little(config.common.task) else []
    lengths = {node.name: network.input_shapes(node)[0].length for node in network.nodes}
    for layer, idle in idle_taps(network).items():
        said.append(
            f"{name}: the dilation of {layer} reaches beyond its {lengths[layer]} steps: "
            f"{idle} of its taps meet{'s' * (idle == 1)} only padding."
        )
    return said
