"""One trained network through test and export, with its record for results.json."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import cached_property, partial
from typing import cast

import torch
from torch import Tensor

from tinyml_nas.cost.arena import plan_memory
from tinyml_nas.cost.flash import network_cost
from tinyml_nas.cost.npu import lint
from tinyml_nas.cost.packing import weight_bits
from tinyml_nas.export.stage import Artifacts, export_model, golden_windows
from tinyml_nas.features import FeatureSet
from tinyml_nas.features.integer.fixed import NoTwin
from tinyml_nas.pipeline.context import Context
from tinyml_nas.pipeline.final import Entrant, Fitted, answers
from tinyml_nas.proof.stage import measure_model, measure_sampled, prove_model, say_briefly
from tinyml_nas.quantize.identity import model_hash
from tinyml_nas.quantize.integer import Float32
from tinyml_nas.quantize.stage import Quantized
from tinyml_nas.quantize.storage import save_integer
from tinyml_nas.quantize.stream import (
    SampledStream,
    Voting,
    agreement,
    make_stream,
    sample_streams,
    save_stream,
)
from tinyml_nas.results.export import Agreement, Buffer, Parity, Proof
from tinyml_nas.results.run import (
    Model,
    ModelTest,
    Role,
    Scores,
    ScoreSd,
    SeedScore,
    SplitScore,
    Training,
)
from tinyml_nas.results.task import Tests
from tinyml_nas.train.checkpoint import save_checkpoint
from tinyml_nas.train.loop import FitResult
from tinyml_nas.train.tasks import task_of

STREAM_FILE = "stream.npz"
PROVEN_STREAMS = 3
MAIN_ROLES = ("searched", "chosen")
"""Their files lie in ``export`` itself, those of all others in a folder below."""


def finish_model(entrant: Entrant, fits: Sequence[Fitted], shipped: int, context: Context) -> Model:
    """Test all trainings of ``entrant``, export the shipped one; its entry in results.json.

    The test split is read here, after every choice is made, and for nothing but the report.
    """
    role, network, fitted = entrant.role, entrant.network, fits[shipped]
    if fitted.quantized is not None:  # which may have chosen the weight bits
        network = network.with_weight_bits(weight_bits(fitted.quantized.integer.network))
    device, folder = context.device, context.folder
    save_checkpoint(folder.path / "train" / role / "weights.npz", {"model": fitted.training.state})
    golden = golden_windows(context.features, context.config.testing.parity_vectors)
    if fitted.quantized is not None:
        integer = fitted.quantized.integer
        save_integer(folder.path / "quantize" / role / "integer.npz", integer, golden)
    stream = _stream(fitted.quantized, context)
    if stream is not None:
        save_stream(folder.path / "quantize" / role / STREAM_FILE, stream[0])
    with context.stage(f"test {role}", f"test: {network.name} ({role})"):
        tested = _test(fits, shipped, context)
    with context.stage(f"export {role}", f"export: {network.name} ({role})"):
        artifacts, proof = _deliver(role, fitted, golden, stream, context)
    plan = plan_memory(network)
    return Model(
        role=cast(Role, role),  # which the record checks
        name=network.name,
        network=network.to_json(),
        source=entrant.imported.source if entrant.imported else None,
        cost=network_cost(network, device.cycles.backend, device.optimize),
        npu=lint(network, device),
        training=_training_record(fitted.training),
        quantization=fitted.quantized.record if fitted.quantized else None,
        memory=[
            Buffer.model_validate(buffer, from_attributes=True)
            for buffer in (*plan.buffers.values(), *plan.scratch.values())
        ],
        files=artifacts.names(folder.path),
        sha256=artifacts.digests(folder.path),
        model_hash=model_hash(fitted.quantized.integer) if fitted.quantized else None,
        **dict(tested),
        **dict(proof),
    )


def _training_record(fit: FitResult) -> Training:
    return Training(
        epochs=len(fit.history),
        best_epoch=fit.best_epoch,
        seconds=round(fit.seconds, 2),
        history=list(fit.history),
    )


def _deliver(
    role: str,
    fitted: Fitted,
    windows: Float32,
    stream: tuple[SampledStream, Agreement] | None,
    context: Context,
) -> tuple[Artifacts, Proof]:
    """Write the files of a model, prove that they agree on ``windows`` (N, C, L), measure the C."""
    console, features, run = context.console, context.features, context.folder.path
    folder = run / "export" if role in MAIN_ROLES else run / "export" / role
    quantized, sampled = fitted.quantized, stream and stream[0]
    artifacts = export_model(
        fitted.module,
        quantized,
        features,
        windows,
        sampled,
        context.config.compilation,
        context.name,
        folder,
    )
    if quantized is None:
        return artifacts, Proof(parity=Parity(vectors=0, carriers=[]))
    net = quantized.integer
    measured = measure_model(net, windows, features.validation.x, artifacts, console)
    parity = prove_model(net, windows, artifacts, sampled, console, quantized.module)
    sampling = None
    if stream is not None and artifacts.c is not None:
        sampling = measure_sampled(*stream, artifacts.c, console)
    say_briefly(parity.carriers, console)
    return artifacts, Proof(**dict(measured), parity=parity, stream=sampling)


def _stream(
    quantized: Quantized | None, context: Context
) -> tuple[SampledStream, Agreement] | None:
    """The way from samples to labels around the integer model, with test samples to prove it on.

    Its agreement with the float features is over validation windows, or training windows where
    there are none.
    """
    chain, compilation = context.features.fixed, context.config.compilation
    if quantized is None or chain is None or not compilation.enable:
        return None
    voting = Voting.of(compilation.vote_windows, compilation.vote_share)
    try:
        stream = make_stream(quantized.integer, chain, voting)
    except NoTwin as error:
        context.console.warning(f"The C starts at the features, not at samples: {error.message}.")
        return None
    data, features = context.data, context.features
    held_out = len(features.validation) > 0
    near = agreement(
        stream,
        data.validation if held_out else data.train,
        features.validation if held_out else features.train,
    )
    return (stream, sample_streams(data.test, chain, PROVEN_STREAMS)), near


def _test(fits: Sequence[Fitted], shipped: int, context: Context) -> ModelTest:
    """Score of every seed; score and all metrics of the shipped one."""
    features = context.features
    task, y = task_of(features), torch.from_numpy(features.test.y)
    tests = [
        answers(fitted.module, fitted.quantized, features, features.test)
        if context.config.testing.enable
        else {}
        for fitted in fits
    ]
    seeds = [
        _seed_score(
            number,
            fitted,
            {p: task.score(outputs, task.wanted(y), y) for p, outputs in test.items()}
            if task.measurable(y)
            else {},
            number == shipped,
        )
        for number, (fitted, test) in enumerate(zip(fits, tests, strict=True))
    ]
    best, known = seeds[shipped], _Known(fits[shipped], features)
    scores = {"float": SplitScore(validation=best.float_validation, test=best.float_test)}
    if fits[shipped].quantized:
        scores["int8"] = SplitScore(validation=best.int8_validation, test=best.int8_test)
    metrics = {
        p: task.evaluate(outputs, task.wanted(y), features.test, partial(known, p))
        for p, outputs in tests[shipped].items()
    }
    return ModelTest(
        score=Scores(**scores),
        score_sd=ScoreSd(
            float=_sd([seed.float_test for seed in seeds]),
            int8=_sd([seed.int8_test for seed in seeds]),
        ),
        seeds=seeds,
        test=Tests(**metrics),
    )


class _Known:
    """Answers on what a network was made of, computed where a metric asks for them."""

    def __init__(self, fitted: Fitted, features: FeatureSet) -> None:
        self.fitted, self.features = fitted, features

    def __call__(self, precision: str) -> Tensor:
        return self._answers[precision]

    @cached_property
    def _answers(self) -> dict[str, Tensor]:
        module, quantized = self.fitted.module, self.fitted.quantized
        return answers(module, quantized, self.features, self.features.known())


def _seed_score(number: int, fitted: Fitted, test: dict[str, float], shipped: bool) -> SeedScore:
    return SeedScore(
        seed=number,
        float_validation=fitted.validation.get("float"),
        int8_validation=fitted.validation.get("int8"),
        float_test=test.get("float"),
        int8_test=test.get("int8"),
        shipped=shipped,
    )


def _sd(values: Sequence[float | None]) -> float | None:
    """Standard deviation of at least two known values."""
    known = [value for value in values if value is not None]
    return statistics.stdev(known) if len(known) > 1 else None
