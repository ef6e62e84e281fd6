"""What is reported, in which order, and which way each metric is better."""

import pytest
import torch

from trainer_pkg.losses.mapped import Mapped
from trainer_pkg.losses.ordered import Regression
from trainer_pkg.metrics import DIRECTIONS, Reported, reported_of
from trainer_pkg.module import ImageModule
from trainer_pkg.nets.mlp import MLP
from trainer_pkg.spec import Categorical, Continuous, DataSpec, Ordinal, Target

DIGIT = Categorical(num_classes=10)
GRADE = Ordinal(num_classes=5)
DEPTH = Continuous(low=0, high=1)


def module_of(targets: dict[str, Target], **weights: float) -> ImageModule:
    return ImageModule(
        spec=DataSpec(input_shape=(1, 4, 4), targets=targets),
        net=MLP,
        size="tiny",
        criterion=torch.nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        optimizer=torch.optim.Adam,
        loss_weights=weights,
    )


@pytest.mark.parametrize(
    ("targets", "stage"),
    [
        ({"digit": DIGIT}, {"acc": "max", "loss": "min"}),
        ({"grade": GRADE}, {"acc": "max", "loss": "min", "mae": "min"}),
        ({"depth": DEPTH}, {"mae": "min", "loss": "min"}),
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
        ),
    ],
)
def test_every_metric_has_its_direction(targets: dict[str, Target], stage: dict[str, str]) -> None:
    expected = [
        *[(f"{name}/{metric}", way) for name in ("train", "val") for metric, way in stage.items()],
        *[("val/score", "max"), ("val/score_best", "max")],
        *[(f"test/{metric}", way) for metric, way in stage.items()],
    ]
    assert list(module_of(targets).metric_directions.items()) == expected


def test_numbers_alone_have_no_mean_accuracy() -> None:
    assert "mean_acc" not in reported_of({"depth": DEPTH, "width": DEPTH})


def test_the_mean_accuracy_is_of_the_heads_of_classes() -> None:
    found = reported_of({"depth": DEPTH, "grade": GRADE, "digit": DIGIT})
    assert found["mean_acc"] == Reported(kind="acc", heads=(1, 2))
    assert {metric.kind for metric in found.values()} == set(DIRECTIONS)


def test_a_head_of_weight_0_is_not_trained_and_has_no_metrics() -> None:
    heads: dict[str, Target] = {"depth": DEPTH, "grade": GRADE, "digit": DIGIT}
    whole, part = module_of(heads), module_of(heads, grade=0.0, digit=2.0)
    names = {name.partition("/")[2] for name in part.metric_directions}
    assert names == {"depth_mae", "digit_acc", "loss", "depth_loss", "digit_loss", "score", "score_best"}
    assert part.untrained_heads == ["grade"] and list(part(torch.zeros(2, 1, 4, 4))) == ["depth", "digit"]
    assert whole.num_parameters - part.num_parameters == sum(
        p.numel() for p in whole.network.heads["grade"].parameters()
    )
    assert whole.count_flops() > part.count_flops()
    # Whatever is trained, the trials of a sweep start alike, and one's checkpoint has the names of the other's.
    assert whole.network.state_dict().keys() == part.network.state_dict().keys()


def test_a_mean_of_accuracies_is_of_all_heads_of_classes_or_there_is_none() -> None:
    heads: dict[str, Target] = {"depth": DEPTH, "grade": GRADE, "digit": DIGIT}
    assert "val/mean_acc" in module_of(heads, depth=0.0).metric_directions
    assert "val/mean_acc" not in module_of(heads, digit=0.0).metric_directions


def test_a_head_that_a_loss_of_another_one_reads_runs() -> None:
    spec = DataSpec(input_shape=(1, 4, 4), targets={"depth": DEPTH, "width": DEPTH})
    joint = Mapped(torch.nn.L1Loss(), {"input": "outputs.depth", "target": "outputs.width"})
    module = ImageModule(
        spec=spec,
        net=MLP,
        size="tiny",
        criterion=torch.nn.CrossEntropyLoss(),
        number_criterion=Regression(),
        criteria={"depth": joint},
        loss_weights={"width": 0.0},
        optimizer=torch.optim.Adam,
    )
    outputs = module(torch.ones(2, 1, 4, 4))
    losses_H = module.criteria(outputs, {"depth": torch.zeros(2), "width": torch.zeros(2)})
    assert losses_H.tolist() == [(outputs["depth"] - outputs["width"]).abs().mean().item()]
    losses_H.sum().backward()
    assert module.network.heads["width"].weight.grad.abs().sum() > 0
