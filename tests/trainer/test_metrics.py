"""What is reported, in which order, and which way each metric is better."""

import pytest
import torch

from trainer_pkg.losses.ordered import Regression
from trainer_pkg.metrics import DIRECTIONS, Reported, reported_of
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal, Target

DIGIT = Categorical(num_classes=10)
GRADE = Ordinal(num_classes=5)
DEPTH = Continuous(low=0, high=1)


def module_of(targets: dict[str, Target]) -> ImageModule:
    return ImageModule(
        spec=DataSpec(input_shape=(1, 4, 4), targets=targets),
        net=MLP,
        size="tiny",
        criterion=torch.nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        optimizer=torch.optim.Adam,
    )


@pytest.mark.parametrize(
    ("targets", "stage", "best"),
    [
        ({"digit": DIGIT}, {"acc": "max", "loss": "min"}, {"acc_best": "max"}),
        ({"grade": GRADE}, {"acc": "max", "loss": "min", "mae": "min"}, {"acc_best": "max"}),
        ({"depth": DEPTH}, {"mae": "min", "loss": "min"}, {"mae_best": "min"}),
        (
            {"depth": DEPTH, "grade": GRADE, "digit": DIGIT},
            {
                "depth_mae": "min",
                "grade_acc": "max",
                "digit_acc": "max",
                "loss": "min",
                "depth_loss": "min",
                "grade_loss": "min",
                "digit_loss": "min",
                "mean_acc": "max",
                "grade_mae": "min",
            },
            {"mae_best": "min"},
        ),
        # Names that look like another metric's: the kind decides, not how a name ends.
        (
            {"gloss": DIGIT, "a_loss": DIGIT},
            {
                "gloss_acc": "max",
                "a_loss_acc": "max",
                "loss": "min",
                "gloss_loss": "min",
                "a_loss_loss": "min",
                "mean_acc": "max",
            },
            {"acc_best": "max"},
        ),
    ],
)
def test_every_metric_has_its_direction(
    targets: dict[str, Target], stage: dict[str, str], best: dict[str, str]
) -> None:
    expected = [
        *[(f"{name}/{metric}", way) for name in ("train", "val") for metric, way in stage.items()],
        *[(f"val/{metric}", way) for metric, way in best.items()],
        *[(f"test/{metric}", way) for metric, way in stage.items()],
    ]
    assert list(module_of(targets).metric_directions.items()) == expected


def test_numbers_alone_have_no_mean_accuracy() -> None:
    assert "mean_acc" not in reported_of({"depth": DEPTH, "width": DEPTH})


def test_the_mean_accuracy_is_of_the_heads_of_classes() -> None:
    found = reported_of({"depth": DEPTH, "grade": GRADE, "digit": DIGIT})
    assert found["mean_acc"] == Reported(kind="acc", heads=(1, 2))
    assert {metric.kind for metric in found.values()} == set(DIRECTIONS)
