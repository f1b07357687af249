"""Section ``training``: the model or the search for one, its training and its quantization."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from tinyml_nas.config.sections.common import RUNS
from tinyml_nas.config.sections.search_keys import (
    NasBudget,
    NasObjective,
    Selection,
)
from tinyml_nas.located.choices import Named
from tinyml_nas.located.fields import (
    NO_PLOTS,
    Count,
    Fraction,
    FromZero,
    Ignored,
    NotNegative,
    Positive,
    Seconds,
    Section,
    listed,
    read_by,
    read_by_choice,
    read_unless,
    without_effect,
)

ONE_PROCESS = "one process trains"
ON_DEVICE = "the C infers; it does not train on the device"
PLAIN_TORCH = "a training is the same float32 arithmetic everywhere, without torch.compile and AMP"

STRATEGY, SPACE = "training.nas_search_strategy", "training.nas_space"
PROXY = "training.nas_proxy"
SEARCHED = read_by("training.nas_enabled", True)
OF_CELLS = read_by(SPACE, "cells")
QUANTIZED = read_by("training.quantization", 1, 2)
CLASSES = read_by("common.task", "classification", words="a classification")
BY_STRATEGY = read_by_choice(STRATEGY)

AUTO = "auto"
"""In place of a model's name: the one that sees much of the window and fits the budget."""

WeightBits = Literal[8, 4, 2]


class Augmentation(Section):
    """Random changes of the training examples; 0 switches one off."""

    jitter: NotNegative = Field(
        default=0.0, description="Noise, in standard deviations of the signal."
    )
    scale: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Standard deviation of the gain of a window, around 1."
    )
    shift: Fraction = Field(
        default=0.0, description="Largest shift in time, as a share of the window."
    )
    offset: NotNegative = Field(
        default=0.0,
        description="A constant added to each channel of a window, in its standard deviations: "
        "another level or microphone, where the channels are logarithms.",
    )
    warp: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="Largest change of the tempo of a window, as a share."
    )
    mask: Fraction = Field(
        default=0.0, description="Largest stretch of a window that is hidden, as a share of it."
    )
    rotation: Annotated[float, Field(ge=0, le=180)] = Field(
        default=0.0, description="Largest rotation of three-axis sensors, in degrees."
    )
    rotation_groups: (
        tuple[
            Annotated[tuple[FromZero, ...], Field(min_length=3, max_length=3)],
            ...,
        ]
        | None
    ) = Field(
        default=None, description="Channel numbers x, y, z of each sensor, such as [[0, 1, 2]]."
    )


class Training(Section):
    """The model or the search for one, its training and its quantization."""

    enable: bool = Field(
        default=True,
        description="False ends the run before the training; a network of your own "
        "(model_path, model_spec) goes on as it is, to quantization and export.",
    )
    model_name: str | None = Field(
        default=None,
        description="A model of the zoo; `info models` lists them. Optional with a search.",
    )
    model_path: str | None = Field(
        default=None,
        description="An ONNX file with a trained network, relative to this file: it takes the "
        "place of a model of the zoo, and its weights are where training starts.",
    )
    model_spec: str | None = Field(
        default=None,
        description="A PyTorch module in a file of yours, relative to this one: my_net.py, or "
        "my_net.py:MyNet. The file is run.",
    )
    pretrained_checkpoint_path: Annotated[
        str | None, read_unless("training.model_spec", None, words="training.model_spec")
    ] = Field(
        default=None,
        description="Weights of model_spec: .safetensors, .npz, or .pt with a state_dict.",
    )
    model_normalize: Annotated[
        bool | None,
        read_unless("training.own_model", None, words="training.model_path or training.model_spec"),
    ] = Field(
        default=None,
        description="Whether model_path or model_spec sees features with the mean 0 and deviation "
        "1 of the training data, and tells values so. Default: only a model_spec without weights.",
    )
    training_epochs: Count = Field(default=10, description="Passes over the training examples.")
    batch_size: Count = Field(default=8, description="Examples per step.")
    learning_rate: Positive = Field(default=2e-3, description="Step size at the start.")
    optimizer: Literal["sgd", "nesterov", "rmsprop", "adam", "adamw"] = Field(
        default="sgd", description="How the weights follow the gradient."
    )
    weight_decay: NotNegative = Field(default=1e-4, description="L2 pull on the weights.")
    lr_scheduler: Literal["cosineannealinglr", "steplr", "exponentiallr", "none"] = Field(
        default="cosineannealinglr", description="How the learning rate falls."
    )
    warmup_epochs: FromZero = Field(
        default=1, description="Epochs over which the learning rate rises to its start value."
    )
    training_device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="Where to train; auto takes CUDA if it is there."
    )
    num_gpus: FromZero = Field(default=1, description="0 trains on the CPU.")
    class_weights: Annotated[Literal["balanced", "none"], CLASSES] = Field(
        default="balanced", description="Whether rare classes weigh more in the loss."
    )
    early_stopping: bool | None = Field(
        default=None, description="true: a patience of 10 where none is written; false: never stop."
    )
    early_stopping_patience: Count | None = Field(
        default=None, description="Stop after so many epochs without a better validation score."
    )
    label_smoothing: Annotated[Annotated[float, Field(ge=0, lt=1)], CLASSES] = Field(
        default=0.0, description="Share of the target that is spread over all classes."
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="Random changes of the training examples."
    )
    quantization: Literal[0, 1, 2] = Field(
        default=2, description="0 keeps floats only; 1 and 2 give the int8 model."
    )
    quantization_method: Annotated[Literal["QAT", "PTQ"], QUANTIZED] = Field(
        default="QAT", description="Quantize while fine-tuning (QAT) or after training (PTQ)."
    )
    quantization_weight_bitwidth: Annotated[WeightBits | None, QUANTIZED] = Field(
        default=None,
        description="Bits of a weight; default: 8, or what auto_quantization chooses.",
    )
    quantization_activation_bitwidth: Literal[8, 4, 2] = Field(
        default=8, description="Bits of an activation; always 8."
    )
    quantization_layers: dict[str, WeightBits] = Field(
        default={}, description="Bits of a weight in single layers, such as {classifier: 8}."
    )
    partial_quantization: bool = Field(
        default=False,
        description="Keep 8 bits in the first convolution and the last fully connected layer.",
    )
    auto_quantization: Annotated[
        bool,
        QUANTIZED,
        read_by(
            "training.quantization_weight_bitwidth",
            None,
            words="weights whose bits quantization_weight_bitwidth does not fix",
        ),
    ] = Field(
        default=False,
        description="Give each layer as few bits as the tolerance on the validation split allows.",
    )
    autoquant_tolerance_classification: Fraction = Field(
        default=0.05, description="Share of the float model's accuracy that may be lost."
    )
    autoquant_tolerance_regression: Fraction = Field(
        default=0.05, description="Share of the float model's R2 that may be lost."
    )
    autoquant_tolerance_forecasting: NotNegative = Field(
        default=0.1, description="By how much of itself the float model's error, 1 - R2, may grow."
    )
    autoquant_tolerance_anomaly: NotNegative = Field(
        default=0.1, description="By how much of itself the float model's error, 1 - AUC, may grow."
    )
    calibration: Annotated[Literal["min_max", "percentile", "mse"], QUANTIZED] = Field(
        default="min_max", description="How the ranges of the activations are found."
    )
    calibration_windows: Count = Field(
        default=512, description="Training examples used for the ranges."
    )
    qat_epochs: Annotated[Count | None, QUANTIZED] = Field(
        default=None, description="Epochs of QAT; default: a fifth of training_epochs, at least 10."
    )
    nas_enabled: bool = Field(
        default=False, description="Search the network instead of naming one."
    )
    nas_optimization_mode: Annotated[Literal["Memory", "Compute"], SEARCHED] = Field(
        default="Memory", description="Search for little flash (Memory) or few MACs (Compute)."
    )
    nas_epochs: Annotated[Count, SEARCHED, BY_STRATEGY] = Field(
        default=10, description="Epochs of the search."
    )
    nas_model_size: Annotated[
        Literal["s", "m", "l", "xl", "xxl"] | None,
        SEARCHED,
        read_by(
            "training.size_is_read",
            True,
            words="nas_space: cells, or no flash or macs budget",
        ),
    ] = Field(
        default=None, description="Preset of the five keys below; a key that is written wins."
    )
    nas_layers: Annotated[Count, SEARCHED, OF_CELLS] = Field(
        default=3, description="Cells one after the other."
    )
    nas_nodes_per_layer: Annotated[Count, SEARCHED, OF_CELLS] = Field(
        default=4, description="Nodes in a cell."
    )
    nas_init_channels: Annotated[Count, SEARCHED, OF_CELLS] = Field(
        default=1, description="Channels of a node in the first stage."
    )
    nas_init_channel_multiplier: Annotated[Count, SEARCHED, OF_CELLS] = Field(
        default=3, description="Channels of the stem, in multiples of nas_init_channels."
    )
    nas_fanout_concat: Annotated[Count, SEARCHED, OF_CELLS] = Field(
        default=4, description="Nodes that a cell concatenates."
    )
    nas_search_strategy: Annotated[Annotated[str, Named(STRATEGY)], SEARCHED] = Field(
        default="auto", description="How to search; `info strategies` lists them."
    )
    nas_space: Annotated[Annotated[str, Named(SPACE)], SEARCHED] = Field(
        default="chain",
        description="What to search: chains of stages, or the cells of darts and gdas; for an "
        "anomaly detection always autoencoders.",
    )
    nas_budget: Annotated[NasBudget, SEARCHED] = Field(
        default=NasBudget(), description="Hard limits of the searched model."
    )
    nas_search_seconds: Annotated[
        Seconds, SEARCHED, read_by("training.nas_trials", None, words="a search without nas_trials")
    ] = Field(
        default=120.0,
        description="Time for the search, such as 120 or 2 min, on nas_workers cores.",
    )
    nas_trials: Annotated[Count | None, SEARCHED] = Field(
        default=None, description="Stop after so many trainings, whatever the time."
    )
    nas_workers: Annotated[Annotated[int, Field(ge=1, le=1024)] | Literal["ray"], SEARCHED] = Field(
        default=2, description="Processes that train candidates, or ray for a Ray cluster."
    )
    nas_folds: Annotated[Annotated[int, Field(ge=2, le=100)], SEARCHED] = Field(
        default=3, description="Group-disjoint folds of training and validation data."
    )
    nas_seeds: Annotated[Annotated[int, Field(ge=1, le=100)], SEARCHED] = Field(
        default=3, description="Seeds with which the chosen network is trained."
    )
    nas_select: Annotated[Selection, SEARCHED] = Field(
        default="best",
        description="Which point of the front to take: best, knee or smallest_within(1%).",
    )
    nas_compare: Annotated[
        Annotated[tuple[Literal["random", "zoo"], ...], BeforeValidator(listed)], SEARCHED
    ] = Field(
        default=(), description="Controls at the same cost: a random search, the zoo's models."
    )
    nas_objective: Annotated[NasObjective, SEARCHED, BY_STRATEGY] = Field(
        default=NasObjective(), description="Reward of the strategy reinforce."
    )
    nas_proxy: Annotated[
        Annotated[
            tuple[Annotated[str, Named(PROXY)], ...], BeforeValidator(listed), Field(min_length=1)
        ],
        SEARCHED,
        BY_STRATEGY,
    ] = Field(
        default=("params", "macs"),
        description="Proxies that zero_shot ranks by; `info proxies` lists them.",
    )
    nas_warmup_level: Annotated[Annotated[float, Field(ge=0, le=1)], SEARCHED, BY_STRATEGY] = Field(
        default=0.1, description="Share of the data that warms up the supernet of sub_one_shot."
    )
    nas_warm_start: Annotated[Annotated[tuple[str, ...], BeforeValidator(listed)], SEARCHED] = (
        Field(
            default=(),
            description="Archives or fronts of earlier searches to begin with, relative to "
            "this file.",
        )
    )
    nas_refit: Annotated[bool, SEARCHED] = Field(
        default=False,
        description="Train the chosen network on training and validation data, to the last epoch.",
    )
    nas_unrolled: Annotated[bool, SEARCHED, BY_STRATEGY] = Field(
        default=False,
        description="Second-order search: slower, follows the weights one step ahead.",
    )
    nas_penalty_weight: Annotated[NotNegative, SEARCHED, BY_STRATEGY] = Field(
        default=0.1, description="Weight of the cost in the loss of the search."
    )
    nas_learning_rate: Annotated[Positive, SEARCHED, BY_STRATEGY] = Field(
        default=0.01, description="Step size of the alphas."
    )
    nas_batch_size: Annotated[Count | None, SEARCHED, BY_STRATEGY] = Field(
        default=None, description="Default: batch_size."
    )
    nas_compare_model: Annotated[str | None, SEARCHED] = Field(
        default=AUTO,
        description="Model of the zoo trained beside the search: auto takes one that sees much of "
        "the window and fits the budget; null for none.",
    )
    nas_ship: Annotated[Literal["cheaper_if_equal", "searched"], SEARCHED] = Field(
        default="cheaper_if_equal",
        description="What export/ holds: the baseline where it is as good for less, or always the "
        "searched model.",
    )
    num_last_epochs: Ignored = without_effect(
        "no schedule has a last phase of its own, here as in TI's tools", anyway=(5,)
    )
    distributed: Ignored = without_effect(ONE_PROCESS)
    training_master_port: Ignored = without_effect(ONE_PROCESS)
    momentum: Ignored = without_effect("sgd has a momentum of 0.9", anyway=(0.9,))
    lambda_reg: Ignored = without_effect("weight_decay is the one pull on the weights")
    ignored_model_config: Ignored = without_effect(
        "a model of the zoo has the shape of its name, here as in TI's tools", alias="model_config"
    )
    augment_config: Ignored = without_effect("training.augmentation says what is drawn at random")
    dataset_loader: Ignored = without_effect(
        "task_type says how the data are read", anyway=("GenericTSDataset",)
    )
    output_int: Ignored = without_effect(
        "the C gives the int8 outputs, and beside them what they mean", anyway=(False, True)
    )
    run_quant_train_only: Ignored = without_effect("quantization starts from the run's own network")
    dual_op: Ignored = without_effect("a network has one output")
    load_saved_model: Ignored = without_effect("a pickle can run code, so none is loaded")
    ondevice_training: Ignored = without_effect(ON_DEVICE)
    trainable_layers_from_last: Ignored = without_effect(ON_DEVICE, anyway=(1,))
    export_samples_per_class: Ignored = without_effect(ON_DEVICE, anyway=([10, 10, 10],))
    compile_model: Ignored = without_effect(PLAIN_TORCH)
    native_amp: Ignored = without_effect(PLAIN_TORCH)
    train_output_path: Ignored = without_effect(RUNS)
    training_backend: Ignored = without_effect("torch trains", anyway=("pytorch", "torch"))
    model_training_id: Ignored = without_effect("model_name names the model")
    gof_test: Ignored = without_effect(NO_PLOTS)
    epochs: Ignored = without_effect(
        "training_epochs sets the number of epochs, here as in TI's tools"
    )

    @property
    def own_model(self) -> str | None:
        """The file with a network of the user's, if there is one."""
        return self.model_path or self.model_spec

    @property
    def own_weights(self) -> bool:
        """Whether that network comes with weights, which have learned already."""
        return self.model_path is not None or self.pretrained_checkpoint_path is not None

    @property
    def size_is_read(self) -> bool:
        """Whether ``nas_model_size`` says something: the cells, or the budget where none is."""
        limits = self.nas_budget
        return self.nas_space == "cells" or (limits.flash is None and limits.macs is None)
