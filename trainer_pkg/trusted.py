"""Which constructors a configuration may name. Every name is written out: a package also holds what nobody exposed."""

import os
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hydra.utils import get_object

from trainer_pkg.config_folder import config_dir
from trainer_pkg.errors import ConfigError

APPROVAL = "trainer_pkg.generated.Generated"
"""Runs a file that its user has approved. The approval is the user's own, so only the user may name it."""

_DOCUMENTED = """
lightning.pytorch: Trainer
lightning.pytorch.callbacks: BackboneFinetuning BatchSizeFinder DeviceStatsMonitor EMAWeightAveraging EarlyStopping
    GradientAccumulationScheduler LearningRateFinder LearningRateMonitor ModelCheckpoint ModelPruning ModelSummary
    OnExceptionCheckpoint RichModelSummary RichProgressBar SpikeDetection StochasticWeightAveraging TQDMProgressBar
    ThroughputMonitor Timer WeightAveraging
lightning.pytorch.loggers: CSVLogger CometLogger MLFlowLogger TensorBoardLogger WandbLogger
lightning.pytorch.profilers: AdvancedProfiler PassThroughProfiler PyTorchProfiler SimpleProfiler
lightning.pytorch.strategies: DDPStrategy FSDPStrategy SingleDeviceStrategy
optuna.pruners: HyperbandPruner MedianPruner NopPruner PatientPruner PercentilePruner SuccessiveHalvingPruner
    ThresholdPruner WilcoxonPruner
optuna.samplers: BruteForceSampler CmaEsSampler GPSampler GridSampler NSGAIIISampler NSGAIISampler PartialFixedSampler
    QMCSampler RandomSampler TPESampler
optuna.terminator: BestValueStagnationEvaluator StaticErrorEvaluator Terminator
sweeps.lightning: JournalLogger Progress TrialCallback
sweeps.study.moasha: MoAsha
torch.nn: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d
    AdaptiveMaxPool2d AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss BatchNorm1d
    BatchNorm2d BatchNorm3d Bilinear CELU CTCLoss ChannelShuffle CircularPad1d CircularPad2d CircularPad3d ConstantPad1d
    ConstantPad2d ConstantPad3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d CosineEmbeddingLoss
    CosineSimilarity CrossEntropyLoss CrossMapLRN2d Dropout Dropout1d Dropout2d Dropout3d ELU Embedding EmbeddingBag
    FeatureAlphaDropout Flatten Fold FractionalMaxPool2d FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss
    GroupNorm Hardshrink Hardsigmoid Hardswish Hardtanh HingeEmbeddingLoss HuberLoss Identity InstanceNorm1d
    InstanceNorm2d InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LSTM LSTMCell LayerNorm LazyBatchNorm1d
    LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
    LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear LeakyReLU Linear
    LinearCrossEntropyLoss LocalResponseNorm LogSigmoid LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d
    MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish ModuleDict ModuleList MultiLabelMarginLoss
    MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss PReLU PairwiseDistance PixelShuffle
    PixelUnshuffle PoissonNLLLoss RMSNorm RNN RNNCell RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d
    ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU Sequential SiLU Sigmoid SmoothL1Loss SoftMarginLoss Softmax
    Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink Threshold Transformer
    TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss
    TripletMarginWithDistanceLoss Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d
    ZeroPad3d
torch.optim: ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS Muon NAdam RAdam RMSprop Rprop SGD SparseAdam
torch.optim.lr_scheduler: ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR
    ExponentialLR LambdaLR LinearLR MultiStepLR MultiplicativeLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR
    StepLR
torchvision.transforms.v2: AugMix AutoAugment CenterCrop ColorJitter Compose ConvertImageDtype ElasticTransform FiveCrop
    GaussianBlur GaussianNoise Grayscale Identity JPEG LinearTransformation Normalize PILToTensor Pad RGB RandAugment
    RandomAdjustSharpness RandomAffine RandomApply RandomAutocontrast RandomChannelPermutation RandomChoice RandomCrop
    RandomEqualize RandomErasing RandomGrayscale RandomHorizontalFlip RandomInvert RandomOrder RandomPerspective
    RandomPhotometricDistort RandomPosterize RandomResize RandomResizedCrop RandomRotation RandomShortestSize
    RandomSolarize RandomVerticalFlip RandomZoomOut Resize ScaleJitter TenCrop ToDtype ToImage ToPILImage ToPureTensor
    ToTensor TrivialAugmentWide
trainer_pkg.data.transforms: Compose Rename Wrap
trainer_pkg.fused.declared: Fusion
trainer_pkg.generated: Generated
trainer_pkg.losses.classification: FocalLoss WeightedCrossEntropy
trainer_pkg.losses.gradients: AlignedMTL CAGrad IMTLG MGDA PCGrad UPGrad
trainer_pkg.losses.gradnorm: GradNorm
trainer_pkg.losses.mapped: Mapped
trainer_pkg.losses.nash: NashMTL
trainer_pkg.losses.ordered: OrdinalRegression Regression
trainer_pkg.losses.scalarizers: DWA FAMO GLS IMTLL Random STCH UW
trainer_pkg.weightings.vectors: Dirichlet Grid LogRatio Simplex
"""

_OF_DATA_AND_MODELS = (
    "torch.nn.",
    "torch.optim.",
    "torchvision.transforms.v2.",
    "trainer_pkg.data.",
    "trainer_pkg.losses.",
    "trainer_pkg.module.",
    "trainer_pkg.nets.",
)
"""What a checkpoint's configuration is made of; loggers and callbacks, which write and send, are not part of it."""


def _names() -> Iterator[str]:
    for line in re.sub(r"\n +", " ", _DOCUMENTED.strip()).splitlines():
        package, _, names = line.partition(": ")
        yield from (f"{package}.{name}" for name in names.split())
    for path in Path(config_dir()).rglob("*.yaml"):
        yield from re.findall(r"\b_target_: *([\w.]+)", path.read_text(errors="replace"))


_ASKED = [name.strip() for name in os.environ.get("SWEEPS_TRUSTED", "").split(",")]
_OWN = tuple(name for name in _ASKED if re.fullmatch(r"[\w.]*\w(\.\*)?", name))
_FROM_A_STUDY = bool(os.environ.get("SWEEPS_STORED_COMMAND"))  # a line that came from a database approves nothing
_SHIPPED = tuple(dict.fromkeys(name for name in _names() if not (_FROM_A_STUDY and name == APPROVAL)))

WHITELIST = (*_SHIPPED, *_OWN)
"""Names that a user's own configuration may name, as `hydra.main(execution_whitelist=...)` takes them.

They are those in the configuration folder, those of the documentation, and what `SWEEPS_TRUSTED` adds.
"""

_CONSTRUCTORS = frozenset(_SHIPPED) - {APPROVAL}

FROM_CHECKPOINTS = (
    *(name for name in _SHIPPED if name.startswith(_OF_DATA_AND_MODELS)),
    *(name for name in _OWN if not name.startswith("trainer_pkg.")),
)
"""Names that the configuration in a checkpoint may name: what data and models are made of, and never an approval."""


def is_shipped(name: str) -> bool:
    """Whether it is a constructor in the configuration folder or the documentation; an approval is none."""
    return name in _CONSTRUCTORS


def check_targets(config: Any, path: str, trusted: tuple[str, ...] | None = None) -> None:
    """Compare every `_target_` of a plain configuration with the trusted names; nothing is imported.

    Args:
        config: A plain dict, list or value.
        path: Its dotted key, for the message.
        trusted: Names, or packages as `my_package.*`; None: `WHITELIST`.

    Raises:
        ConfigError: A name is not trusted.
    """
    trusted = WHITELIST if trusted is None else trusted
    for key, name in _targets(config, path):
        if not is_trusted(name, trusted):
            raise ConfigError(f"{key}={name} {_refusal(name, trusted)}")


def canonical_names(config: Any) -> list[str]:
    """Where the trusted classes of a plain configuration are defined, `torch.nn.modules.linear.Linear` for instance.

    Hydra asks for that name, too, as soon as an object can be called.
    """
    names = (name for _, name in _targets(config, "") if name in WHITELIST)
    kinds = [get_object(name) for name in dict.fromkeys(names)]
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds if isinstance(kind, type)]


def _targets(config: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Key and value of every `_target_`."""
    if isinstance(config, Mapping):
        if "_target_" in config:
            yield f"{path}._target_", config["_target_"]
        for key, value in config.items():
            yield from _targets(value, f"{path}.{key}")
    elif isinstance(config, list | tuple):
        for index, value in enumerate(config):
            yield from _targets(value, f"{path}[{index}]")


def is_trusted(name: object, trusted: tuple[str, ...]) -> bool:
    """Whether a name is one of these, or in one of these packages.

    >>> is_trusted("torch.nn.Linear", ("torch.nn.Linear",)), is_trusted("my.net.CNN", ("my.*",))
    (True, True)
    >>> is_trusted("my.net", ("my",))
    False
    """
    return isinstance(name, str) and any(
        name.startswith(known[:-1]) if known.endswith(".*") else name == known for known in trusted
    )


def _refusal(name: object, trusted: tuple[str, ...]) -> str:
    if name == APPROVAL:
        return "is an approval, which only its user can give, on the command line or in a file."
    near = get_close_matches(str(name), trusted, n=1, cutoff=0.85)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"is no trusted constructor.{hint} {_of_the_variable(str(name))}"


def _of_the_variable(name: str) -> str:
    """What is wrong with `SWEEPS_TRUSTED` for this name, or what it is for."""
    given = os.environ.get("SWEEPS_TRUSTED")
    if given is not None and len(_OWN) < max(1, len([asked for asked in _ASKED if asked])):
        return f"SWEEPS_TRUSTED={given!r} is no list of names with commas: NAME,PACKAGE.* is one."
    package = next((own for own in _OWN if name.startswith(f"{own}.")), None)
    if package is not None:
        return f"SWEEPS_TRUSTED={package} trusts that name alone; {package}.* trusts what is in it."
    return "SWEEPS_TRUSTED=NAME,PACKAGE.* trusts your own."
