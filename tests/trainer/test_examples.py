"""Every example in a docstring does what it says, and what a project of one's own would touch has one."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import trainer_pkg
from trainer_pkg.data import DataModule
from trainer_pkg.data.files import MultiheadFiles
from trainer_pkg.data.labels import ClassMaps, Labels
from trainer_pkg.data.source import Source
from trainer_pkg.data.strokes import StrokeLabels
from trainer_pkg.data.tensors import write
from trainer_pkg.data.transforms import Compose, Rename, Wrap
from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.balancers import Balancer, FixedWeights
from trainer_pkg.losses.classification import FocalLoss, WeightedCrossEntropy
from trainer_pkg.losses.criteria import WeightedCriteria
from trainer_pkg.losses.mapped import Mapped
from trainer_pkg.losses.ordered import OrdinalRegression, Regression
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.adapters import LinearAdapter
from trainer_pkg.nets.backbone import Backbone, build_backbone, widths_of
from trainer_pkg.nets.cnn import CNN
from trainer_pkg.nets.convnext import ConvNeXt
from trainer_pkg.nets.dense import Dense
from trainer_pkg.nets.efficientnet import EfficientNet
from trainer_pkg.nets.heads import HiddenHead, IdentityHead, MultiheadNetwork
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.nets.resnet import ResNet
from trainer_pkg.nets.vit import ViT
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal
from trainer_pkg.tools.generated import Generated

TOUCHED = (
    *(DataSpec, Categorical, Ordinal, Continuous, ConfigError, DataModule, Source, Labels, ClassMaps, StrokeLabels),
    *(MultiheadFiles, write, Compose, Rename, Wrap, Generated),
    *(Backbone, build_backbone, widths_of, CNN, ConvNeXt, Dense, EfficientNet, MLP, ResNet, ViT),
    *(LinearAdapter, HiddenHead, IdentityHead, MultiheadNetwork, ImageModule),
    *(FocalLoss, WeightedCrossEntropy, OrdinalRegression, Regression, Mapped, WeightedCriteria),
    *(Balancer, FixedWeights),
)


def examples() -> list[doctest.DocTest]:
    names = [module.name for module in pkgutil.walk_packages(trainer_pkg.__path__, "trainer_pkg.")]
    finder = doctest.DocTestFinder()
    found = [test for name in names for test in finder.find(importlib.import_module(name))]
    return [test for test in found if test.examples]


EXAMPLES = {example.name: example for example in examples()}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_does_what_it_says(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text: list[str] = []
    failed, tried = doctest.DocTestRunner(verbose=False).run(EXAMPLES[name], out=text.append)
    assert failed == 0 and tried > 0, "".join(text)


@pytest.mark.parametrize("touched", TOUCHED)
def test_what_a_project_of_ones_own_touches_has_an_example(touched: type) -> None:
    assert f"{touched.__module__}.{touched.__qualname__}" in EXAMPLES
