"""The stages in order: data, features, search, train, quantize, export, report.

Everything before the run folder is opened can fail without leaving a trace.  Resuming needs no
bookkeeping here: search and training go on from their checkpoints, and a finished one returns at
once with the same bits.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinyml_nas import __version__
from tinyml_nas.config import Config, LoadedConfig
from tinyml_nas.config.sections.training import Training
from tinyml_nas.console import Console
from tinyml_nas.cost.budget import (
    budget_from_config,
    check_budget,
    measured_excess,
    resources_of,
)
from tinyml_nas.cost.promise import promise_of
from tinyml_nas.data import DataSplits, prepare_data
from tinyml_nas.devices import Device, target_of
from tinyml_nas.features import FeatureSet, extract_features
from tinyml_nas.features.window_reach import reach_warnings, window_reach
from tinyml_nas.graph import Network
from tinyml_nas.importers.stage import bring_model
from tinyml_nas.pipeline.compare import comparison, verdicts
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.controls import control_entrants
from tinyml_nas.pipeline.entrants import fixed_entrants, search_as
from tinyml_nas.pipeline.explore import PAGE, look
from tinyml_nas.pipeline.final import (
    Entrant,
    FinalFit,
    Fitted,
    best_seed,
    fit_all,
    refit_features,
)
from tinyml_nas.pipeline.finish import final_network, finish_model
from tinyml_nas.pipeline.ship import choose
from tinyml_nas.pipeline.take import BASELINE, SAME_DATA, SEARCHED, Taken
from tinyml_nas.pipeline.take import take as take_point
from tinyml_nas.pipeline.testing import Tested, kept_answers, test_model
from tinyml_nas.pipeline.timing import timed_stage
from tinyml_nas.proof.cores.missing import left_out
from tinyml_nas.report import write_report
from tinyml_nas.report.data_page import write_data_page
from tinyml_nas.report.summary import summary_table, verdict_of
from tinyml_nas.results.answers import ANSWERS, write_answers
from tinyml_nas.results.folder import (
    LATEST,
    RESULTS,
    RunFolder,
    fingerprint,
    named_run,
    runs_named,
)
from tinyml_nas.results.run import (
    SCHEMA_VERSION,
    Data,
    Features,
    Product,
    Results,
    Run,
    Shipped,
    load_results,
)
from tinyml_nas.results.run import Device as DeviceRecord
from tinyml_nas.results.search import Search
from tinyml_nas.results.trained import Model
from tinyml_nas.results.verdict import Verdict
from tinyml_nas.train.seeding import make_deterministic
from tinyml_nas.train.tasks import task_of


@dataclass(frozen=True)
class Found:
    """What a search and its controls found, and by role what that took."""

    record: Search | None
    entrants: list[Entrant]
    cpu_seconds: dict[str, float]


def run(
    loaded: LoadedConfig,
    *,
    output: Path | None,
    resume: bool,
    console: Console,
    take: str | None = None,
) -> Path:
    """Run the whole pipeline; returns the finished run folder.

    ``take`` names a point of the latest run's search, which then takes the place of a new search.
    Raises the errors of ``tinyml_nas.errors``; a run that stops early keeps what it finished.
    """
    config = loaded.config
    seconds: dict[str, float] = {}
    device = target_of(config)
    make_deterministic()
    with timed_stage("data", seconds, console):
        data = prepare_data(config, console)
    with timed_stage("features", seconds, console):
        features = extract_features(data, config, console)
        imported = bring_model(config, features, console)
        if imported is not None:
            features = replace(features, normalization=imported.normalization)
    fixed = fixed_entrants(config, features, imported)
    _plan(fixed, config, device, console)
    name = run_name(config)
    root = output or Path("runs")
    results = _head(config, device, data, features, name)
    taken = None
    if take is not None:
        latest = named_run(runs_named(root, name) / LATEST)
        taken = take_point(take, latest, results, features, config, device, console)
    # nas_ship decides over the last stage alone, which a resumed run does anew.
    keys = config.model_dump(mode="json", exclude={"path": True, "training": {"nas_ship"}})
    files = (device.model_dump(mode="json"), imported and imported.digest)
    identity = fingerprint(keys, data.manifest, __version__, taken and taken.record, files)
    with RunFolder.open(root, name, identity, resume=resume, console=console) as folder:
        if folder.finished:
            results = load_results(folder.path / RESULTS)
        else:
            context = Context(name, config, device, data, features, folder, seconds, console)
            results = _work(context, results, loaded.resolved_yaml(), fixed, taken)
            folder.finish()
    return _close(folder.path, results, config, device, console)


def _work(
    context: Context,
    results: Results,
    resolved_yaml: str,
    fixed: list[Entrant],
    taken: Taken | None,
) -> Results:
    """Fill the run folder; ``results`` with what was found out."""
    config, folder, console = context.config, context.folder, context.console
    console.log_to(folder.path / "run.log")
    try:
        folder.write_text("config.resolved.yaml", resolved_yaml)
        for part, file in SAME_DATA.items():
            folder.write_json(file, getattr(results, part).to_json())
        if config.data_processing_feature_extraction.gof_test:
            seen = look(context.data, context.features, config, results.run.name)
            write_data_page(seen, folder.path / "report" / PAGE)
        if config.training.enable or fixed:
            results = results.model_copy(update=_models(context, fixed, taken))
        seconds = {stage: round(spent, 2) for stage, spent in context.seconds.items()}
        timed = results.run.model_copy(update={"seconds": seconds})
        results = results.model_copy(update={"run": timed})
        console.stage("report")
        folder.write_json(RESULTS, results.to_json())
        write_report(results, folder.path, folder.path / "report" / "index.html")
    finally:
        console.close_log()
    return results


def _models(context: Context, fixed: list[Entrant], taken: Taken | None) -> dict[str, Any]:
    """The parts of the results on networks: how they were found, what became of each."""
    config, training = context.config, context.config.training
    features = context.features.for_choices()
    found = _find(context, features, taken) if training.nas_enabled else Found(None, [], {})
    entrants = [*found.entrants, *fixed]
    seeds = training.nas_seeds if training.nas_enabled else 1
    if training.nas_enabled and training.nas_refit:
        features = refit_features(features)
    folder, terms = context.folder.path / "train", context.add_terms
    final = FinalFit(features, training, config.common.seed, folder, terms)
    with context.stage("train"):
        fits = fit_all(final, entrants, seeds, training.nas_workers, context.console)
    shipped = [best_seed(trainings) for trainings in fits]
    tested = [test_model(*parts, context) for parts in zip(entrants, fits, shipped, strict=True)]
    answers = kept_answers(entrants, tested, context)
    if answers is not None:
        write_answers(context.folder.path / ANSWERS, answers)
    judged = verdicts(answers)
    trained = [trainings[best] for trainings, best in zip(fits, shipped, strict=True)]
    first = _shipped(entrants, trained, judged, taken, context)
    models = _finished(entrants, trained, tested, first.role, context)
    return {
        "search": found.record,
        "comparison": comparison(models, found.cpu_seconds, judged),
        "verdicts": judged,
        "shipped": first,
        "models": models,
    }


def _finished(
    entrants: list[Entrant],
    trained: list[Fitted],
    tested: list[Tested],
    first: str,
    context: Context,
) -> list[Model]:
    """Export and prove every model; the files of the ``first`` lie in ``export`` itself."""
    shutil.rmtree(context.folder.path / "export", ignore_errors=True)  # of a stopped run
    config = context.config
    makes_c = config.training.quantization and config.compilation.enable
    if makes_c and (warning := left_out(counted=True)):
        context.console.warning(warning)
    return [
        finish_model(
            entrant,
            fitted,
            test,
            "export" if entrant.role == first else f"export/{entrant.role}",
            context,
        )
        for entrant, fitted, test in zip(entrants, trained, tested, strict=True)
    ]


def _shipped(
    entrants: list[Entrant],
    trained: list[Fitted],
    judged: list[Verdict],
    taken: Taken | None,
    context: Context,
) -> Shipped:
    """Which model's files lie in ``export`` itself."""
    config, device = context.config, context.device
    if taken is not None:
        return Shipped(role=taken.ships, reason="taken")
    needs = {
        entrant.role: resources_of(final_network(entrant, fitted), device)
        for entrant, fitted in zip(entrants, trained, strict=True)
    }
    if not {SEARCHED, BASELINE} <= needs.keys():
        return Shipped(role=entrants[0].role, reason="only")
    verdict = next((v for v in judged if v.other == BASELINE), None)
    budget, _ = budget_from_config(config, device)
    return choose(verdict, needs[SEARCHED], needs[BASELINE], budget, config.training.nas_ship)


def _find(context: Context, features: FeatureSet, taken: Taken | None) -> Found:
    """Search, or take what an earlier search found, and find the controls."""
    with context.stage("search"):
        if taken is None:
            searched, record = search_as(SEARCHED, context, features, context.config)
        else:
            searched, record = taken.entrant, taken.record
            taken.write(context.folder)
    _plan([searched], context.config, context.device, context.console)
    controls = control_entrants(context, features, record) if taken is None else []
    cpu_seconds = {"searched": record.cpu_seconds or 0.0}
    cpu_seconds |= {entrant.role: seconds for entrant, seconds in controls}
    return Found(record, [searched, *(entrant for entrant, _ in controls)], cpu_seconds)


def run_name(config: Config) -> str:
    """Name of the run: what the YAML says, with TI's ``{model_name}`` filled in.

    ``{date-time}`` is dropped, for every run has a folder of its own below its name.
    """
    name = config.common.run_name or config.dataset.dataset_name or config.path.stem
    model = config.training.model_name or config.training.nas_search_strategy
    filled = name.replace("{date-time}", "").replace("{model_name}", model)
    return filled.strip("/_- ") or config.path.stem


def _head(
    config: Config, device: Device, data: DataSplits, features: FeatureSet, name: str
) -> Results:
    """What is known before anything is trained."""
    return Results(
        schema_version=SCHEMA_VERSION,
        product=Product(name="tinyml_nas", version=__version__),
        run=Run(
            name=name,
            created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            config_file=config.path.name,
        ),
        task=config.common.task,
        task_type=config.common.task_type,
        metric=task_of(features).metric,
        device=DeviceRecord(
            name=device.name,
            core=device.core,
            clock_hz=device.clock_hz,
            flash_bytes=device.flash_bytes,
            ram_bytes=device.ram_bytes,
            cycles_per_instruction=dict(device.cycles_per_instruction),
        ),
        data=Data.model_validate(data.manifest),
        features=Features(
            chain=list(features.chain),
            input_shape=features.train.x.shape[1:],
            mean=features.normalization.mean.tolist(),
            std=features.normalization.std.tolist(),
        ),
        search=None,
        comparison=None,
        verdicts=[],
        shipped=None,
        models=[],
    )


def _plan(entrants: list[Entrant], config: Config, device: Device, console: Console) -> None:
    """Say what a model will cost before it is trained, and refuse what cannot fit."""
    for role, network in ((entrant.role, entrant.network) for entrant in entrants):
        promise = promise_of(network, device, config)
        console.info(f"{network.name} ({role}): {promise.words(device)}")
        console.info(f"{network.name} sees {window_reach(network, config).words} at once")
        for sentence in promise.on_npu(device):
            console.info(f"{network.name}: {sentence}")
        for sentence in reach_warnings(network, config) if role != BASELINE else ():
            console.warning(sentence)
        check_budget(network.name, promise.need, device, _granted(role, config))
        promise.require_npu(network.name, device)


def _close(final: Path, results: Results, config: Config, device: Device, console: Console) -> Path:
    """Print the closing table, then judge."""
    if not results.models:
        console.info(f"training is off: data and features are in {final}")
        return final
    header, *rows = summary_table(results)
    console.table("", header, rows)
    console.info(" ".join(verdict_of(results)))
    console.info(f"files   {final}")
    console.info(f"report  {final / 'report' / 'index.html'}")
    for model in results.models:
        _judge(model, config, device, console)
    return final


def _judge(model: Model, config: Config, device: Device, console: Console) -> None:
    if model.parity is not None:
        model.parity.require()
    promised = resources_of(Network.from_json(model.network), device)
    for sentence in measured_excess(model, promised, device):
        console.warning(sentence)
    check_budget(model.name, promised, device, _granted(model.role, config))


def _granted(role: str, config: Config) -> Training | None:
    """What holds the budget of a model: that of the search is the searched model's alone."""
    return config.training if role == SEARCHED else None
