"""A look at the data before any training: the doctor's findings, and a page of pictures.

Everything is taken from training windows.  Of validation and test only the counts are shown, and
whether they repeat a training window.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinyml_nas import __version__
from tinyml_nas.config import Config
from tinyml_nas.console import Console
from tinyml_nas.data import SIDES, DataSplits, Side, prepare_data
from tinyml_nas.data.doctor import drop_copies, drop_short, findings
from tinyml_nas.data.doctor.dead import dead_channels
from tinyml_nas.data.doctor.findings import sorted_findings
from tinyml_nas.data.doctor.pace import clock_findings, window_findings
from tinyml_nas.data.prepare import load_recordings
from tinyml_nas.data.records import Recording
from tinyml_nas.data.windows import framing, process
from tinyml_nas.features import FeatureSet, extract_features
from tinyml_nas.features.separability import (
    Separability,
    as_seen,
    as_spectra,
    chosen,
    odd_examples,
    separability,
)
from tinyml_nas.report.data_page import check_own_page, write_data_page
from tinyml_nas.results.exploration import ChannelView, Exploration, Finding, View
from tinyml_nas.results.folder import runs_named

PAGE = "data.html"
EXAMPLES, MOST_POINTS, BINS = 3, 256, 48
SEEN, SPECTRA = "as the network sees it", "spectrum and mean of each channel"
BETTER = 0.15
"""Gain in accuracy from which the other view is worth a word."""
ODD_SHARE, FEWEST_ODD = 0.6, 3
"""Share and number of windows of a recording that look like another class."""


class _Listening(Console):
    """A console that keeps warnings, to be shown once among the findings."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.heard: list[str] = []

    def warning(self, message: str) -> None:
        """Remember it."""
        self.heard.append(message)


def explore(config: Config, name: str, output: Path | None, console: Console) -> Path:
    """Read the data, print what stands out, and write the page; returns its path.

    ``output`` is the page, by default ``runs/<name>/data.html``.  Raises ``ConfigError`` and
    ``DataError`` like a run, ``ToolError`` where the page cannot be written.
    """
    page = output or runs_named(Path("runs"), name) / PAGE
    check_own_page(page)
    listening = _Listening()
    console.stage("data")
    data = prepare_data(config, listening)
    features = extract_features(data, config, listening)
    seen = look(data, features, config, name)
    known = {words for row in seen.findings for words in (row.what, f"{row.what} {row.mend}")}
    others = [text for text in listening.heard if text not in known]
    rows = tuple(Finding("warning", text, "", "") for text in others)
    seen = replace(seen, findings=(*seen.findings, *rows))
    _tell(seen, console)
    write_data_page(seen, page)
    console.info(f"page  {page}")
    return page


def look(data: DataSplits, features: FeatureSet, config: Config, name: str) -> Exploration:
    """Everything the page shows."""
    classes = data.class_names or ("all",)
    labeled = len(data.class_names) > 1
    y = data.train.y if labeled else np.zeros(len(data.train), dtype=np.int64)
    views = _views(data, features, labeled)
    found = [*findings(data), *clock_findings(config), *_of_recordings(data, config, labeled)]
    found += _better_view(views, features.chain)
    rate = _rate(config)
    return Exploration(
        name=name,
        config_file=config.path.name,
        task=config.common.task,
        classes=classes,
        channels=data.channel_names,
        frame=data.train.x.shape[2],
        counts={side: _counts(data, side, labeled) for side in SIDES},
        findings=tuple(sorted_findings(found)),
        views=views,
        windows=tuple(_windows(data.train.x, y == label) for label in range(len(classes))),
        channel_views=tuple(
            _channel_view(channel, data.train.x[:, index], y, len(classes), rate)
            for index, channel in enumerate(data.channel_names)
        ),
        frequency_unit="cycles per sample" if rate == 1 else "Hz",
        product=f"tinyml_nas {__version__}",
    )


def _rate(config: Config) -> float:
    """Samples per second of the windows; 1 where nobody has said."""
    processing = config.data_processing_feature_extraction
    thinned = "Downsample" in processing.data_proc_transforms
    return processing.new_sr if thinned else processing.sampling_rate


def _counts(data: DataSplits, side: Side, labeled: bool) -> tuple[int, ...]:
    windows = data.side(side)
    if not labeled:
        return (len(windows),)
    return tuple(np.bincount(windows.y, minlength=len(data.class_names)).tolist())


def _views(data: DataSplits, features: FeatureSet, labeled: bool) -> tuple[View, ...]:
    """Both views of the training examples."""
    classes = max(1, len(data.class_names))
    views = []
    for title, examples in ((SEEN, features.train), (SPECTRA, data.train)):
        picked = chosen(examples)
        y = examples.y[picked] if labeled else np.zeros(len(picked), dtype=np.int64)
        x = examples.x[picked]
        rows = as_seen(x, features.normalization) if title == SEEN else as_spectra(x)
        found = separability(rows, y, examples.group[picked], classes)
        views.append(_view(title, found, y))
    return tuple(views)


def _view(title: str, found: Separability, y: NDArray[np.int64]) -> View:
    points = tuple((float(a), float(b)) for a, b in found.points)
    return View(
        title,
        points,
        tuple(y.tolist()),
        found.explained,
        found.centroid_accuracy,
        found.silhouette,
    )


def _better_view(views: tuple[View, ...], chain: tuple[str, ...]) -> list[Finding]:
    seen, spectra = (view.centroid_accuracy for view in views)
    if seen is None or spectra is None or spectra - seen < BETTER or "FFT_FE" in chain:
        return []
    what = (
        f"Spectra tell the classes apart better than the samples do: {spectra:.0%} against "
        f"{seen:.0%} by nearest centroid."
    )
    mend = "Try feat_ext_transform: [FFT_FE, FFT_POS_HALF, ABS, DC_REMOVE, LOG_DB]."
    return [Finding("hint", what, "features", mend)]


def _of_recordings(data: DataSplits, config: Config, labeled: bool) -> list[Finding]:
    """Findings that need the recordings from which training windows were cut."""
    whole = process(drop_copies(load_recordings(config)), config)
    frame = framing(config, whole)
    recordings = drop_short(whole, frame).recordings
    used = [recordings[index] for index in np.unique(data.train.recording)]
    found = window_findings(used, data.channel_names, frame.shortest)
    found += dead_channels(recordings, data.channel_names)
    return [*found, *_odd_labels(data, recordings)] if labeled else found


def _odd_labels(data: DataSplits, recordings: tuple[Recording, ...]) -> list[Finding]:
    """Recordings most of whose windows look like another class."""
    picked = chosen(data.train)
    train = data.train
    odd = odd_examples(as_spectra(train.x[picked]), train.y[picked], train.group[picked])
    owner = train.recording[picked]
    suspects = []
    for index in np.unique(owner):
        own = odd[owner == index]
        if own.sum() >= FEWEST_ODD and own.mean() >= ODD_SHARE:
            suspects.append(recordings[index])
    if not suspects:
        return []
    names = ", ".join(f"{r.name} ({r.label})" for r in suspects[:3])
    what = (
        f"{len(suspects)} recordings look like those of another class: {names}."
        if len(suspects) > 1
        else f"The recording {names} looks like those of another class."
    )
    return [Finding("hint", what, suspects[0].name, "Look at their labels once more.")]


def _windows(
    x: NDArray[np.float32], members: NDArray[np.bool_]
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Some windows of a class, normalized per channel and thinned to what can be seen."""
    spread = x.std(axis=(0, 2), dtype=np.float64)
    mean = x.mean(axis=(0, 2), dtype=np.float64)
    indices = np.flatnonzero(members)
    places = np.unique(np.linspace(0, len(indices) - 1, EXAMPLES + 2)[1:-1].round().astype(int))
    step = -(-x.shape[2] // MOST_POINTS)
    shown = []
    for index in indices[places] if len(indices) else ():
        values = (x[index] - mean[:, None]) / np.where(spread > 0, spread, 1)[:, None]
        shown.append(tuple(tuple(row[::step].tolist()) for row in values))
    return tuple(shown)


def _channel_view(
    name: str, x: NDArray[np.float32], y: NDArray[np.int64], classes: int, rate: float
) -> ChannelView:
    """Density and spectrum of one channel's windows x [N, L]."""
    low, high = np.percentile(x, (0.5, 99.5))
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    step = max(1, (x.shape[1] // 2) // MOST_POINTS)
    frequencies = np.fft.rfftfreq(x.shape[1], 1 / rate)[1:]
    usable = max(step, len(frequencies) // step * step)
    density, power = [], []
    for label in range(classes):
        own = x[y == label].astype(np.float64)
        if not len(own):
            density.append(())
            power.append(())
            continue
        counts = np.histogram(own, edges)[0]
        density.append(tuple((counts / own.size).tolist()))
        centered = (own - own.mean(axis=1, keepdims=True)) * np.hanning(x.shape[1])
        mean = (np.abs(np.fft.rfft(centered)) ** 2).mean(axis=0)[1:][:usable]
        bands = mean.reshape(-1, step).mean(axis=1) / x.shape[1]
        power.append(tuple((10 * np.log10(bands + 1e-12 * bands.max() + 1e-30)).tolist()))
    centers = (edges[:-1] + edges[1:]) / 2
    places = frequencies[:usable].reshape(-1, step).mean(axis=1)
    return ChannelView(
        name, tuple(centers.tolist()), tuple(density), tuple(places.tolist()), tuple(power)
    )


def _tell(seen: Exploration, console: Console) -> None:
    counts = ", ".join(f"{sum(n):,} {side}" for side, n in seen.counts.items())
    console.info(f"{len(seen.channels)} channels, {len(seen.classes)} classes; windows: {counts}")
    for view in seen.views:
        if view.centroid_accuracy is not None:
            chance = 1 / len(seen.classes)
            console.info(
                f"nearest centroid, {view.title}: {view.centroid_accuracy:.1%} "
                f"(chance {chance:.1%})"
            )
    console.stage("findings")
    if not seen.findings:
        console.info("nothing stands out")
        return
    rows = [(f.severity, f.what, f.where, f.mend) for f in seen.findings]
    console.table("", ("severity", "what", "where", "how to fix it"), rows)
