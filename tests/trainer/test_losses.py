import math

import pytest
import torch
from torch import nn

from trainer_pkg.errors import ConfigError
from trainer_pkg.losses.classification import FocalLoss, WeightedCrossEntropy
from trainer_pkg.losses.criteria import WeightedCriteria
from trainer_pkg.losses.mapped import Mapped
from trainer_pkg.losses.ordered import OrdinalRegression, Regression
from trainer_pkg.metrics import HeadMetrics
from trainer_pkg.spec import Categorical, Continuous, Ordinal

HEADS = {"a": Categorical(num_classes=3), "b": Categorical(num_classes=2)}
GRADE = Ordinal(num_classes=5, low=20.0, step=2.5)
DEPTH = Continuous(low=-1.0, high=3.0)


def criteria(**options: object) -> WeightedCriteria:
    given = {"criteria": {}, "weights": {}, **options}
    return WeightedCriteria(HEADS, nn.CrossEntropyLoss(), Regression(), **given)  # type: ignore[arg-type]


def sample() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    outputs = {"a": torch.randn(6, 3), "b": torch.randn(6, 2)}
    return outputs, {"a": torch.tensor([0, 1, 2, 0, 1, 2]), "b": torch.tensor([0, 1] * 3)}


def test_the_total_is_the_weighted_sum_and_a_head_left_out_counts_one() -> None:
    outputs, batch = sample()
    made = criteria(weights={"b": 0.25})
    losses = made(outputs, batch)
    total = made.total(losses)
    expected = nn.functional.cross_entropy(outputs["a"], batch["a"])
    expected = expected + 0.25 * nn.functional.cross_entropy(outputs["b"], batch["b"])
    assert torch.allclose(total, expected) and losses.shape == (2,)


def test_weights_stay_exactly_as_given() -> None:
    assert criteria(weights={"b": 0.1}).weights == {"a": 1.0, "b": 0.1}


def test_a_head_can_have_its_own_criterion_and_it_follows_the_device() -> None:
    own = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]))
    made = criteria(criteria={"b": own})
    assert any(parameter is own.weight for parameter in made.buffers())


def test_metrics_are_exact_over_batches_of_different_sizes() -> None:
    outputs, batch = sample()
    metrics = HeadMetrics(HEADS)
    for rows in (slice(0, 4), slice(4, 6)):
        part = {head: labels[rows] for head, labels in batch.items()}
        scores = {head: output[rows] for head, output in outputs.items()}
        losses = torch.stack([nn.functional.cross_entropy(scores[head], part[head]) for head in HEADS])
        metrics.update(losses, {head: score.argmax(1) for head, score in scores.items()}, part)
    found = metrics.compute()
    losses, accuracies = found["loss"], found["acc"]
    for i, head in enumerate(HEADS):
        assert torch.allclose(losses[i], nn.functional.cross_entropy(outputs[head], batch[head]))
        assert accuracies[i] == pytest.approx((outputs[head].argmax(1) == batch[head]).float().mean().item())


def test_a_focal_loss_without_focus_is_cross_entropy_and_with_it_is_its_formula() -> None:
    outputs, labels = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.5, 1.0]]), torch.tensor([0, 1])
    plain = nn.functional.cross_entropy(outputs, labels)
    assert torch.allclose(FocalLoss(gamma=0.0)(outputs, labels), plain)
    p = outputs.softmax(1)[[0, 1], labels]
    assert torch.allclose(FocalLoss(gamma=2.0)(outputs, labels), (-((1 - p) ** 2) * p.log()).mean())
    with pytest.raises(ValueError, match="gamma=-1"):
        FocalLoss(gamma=-1)


def test_class_weights_come_from_a_plain_list() -> None:
    outputs, labels = torch.tensor([[2.0, 0.0], [0.0, 0.5]]), torch.tensor([0, 1])
    each = nn.functional.cross_entropy(outputs, labels, reduction="none")
    found = WeightedCrossEntropy([1.0, 3.0])(outputs, labels)
    assert torch.allclose(found, (each[0] + 3 * each[1]) / 4)
    with pytest.raises(ValueError, match="class_weights"):
        WeightedCrossEntropy([1.0, -3.0])


def test_heads_take_the_default_of_their_kind_and_as_many_outputs_as_it_needs() -> None:
    targets = {"grade": GRADE, "depth": DEPTH, "rank": GRADE, "class": Categorical(num_classes=3)}
    made = WeightedCriteria(
        targets, nn.CrossEntropyLoss(), Regression("l1"), {"rank": Regression("l1")}, {"depth": 0.5}
    )
    assert made.num_outputs == {"grade": 5, "depth": 1, "rank": 1, "class": 3}
    outputs = {name: torch.zeros(2, n, requires_grad=True) for name, n in made.num_outputs.items()}
    labels = {"grade": [4, 0], "rank": [4, 2], "class": [0, 2]}
    batch = {**{k: torch.tensor(v) for k, v in labels.items()}, "depth": torch.tensor([3.0, 1.0])}
    losses = made(outputs, batch)
    total = made.total(losses)
    # An output of 0 is the middle of the range: half a range from the end, none from the middle.
    assert losses.tolist() == pytest.approx([math.log(5), 0.25, 0.25, math.log(3)])
    assert total.item() == pytest.approx(math.log(5) + 0.125 + 0.25 + math.log(3))
    total.backward()
    assert outputs["depth"].grad is not None and outputs["depth"].grad.abs().sum() > 0
    predicted = made.predict(outputs)
    assert predicted["depth"].tolist() == [1.0, 1.0] and predicted["rank"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize(("distance", "expected"), [("l1", 0.5), ("l2", 0.25), ("huber", 0.125)])
@pytest.mark.parametrize("target", [DEPTH, GRADE])
def test_distances_are_shares_of_the_range(distance: str, expected: float, target: Ordinal | Continuous) -> None:
    loss = Regression(distance).bound(target)  # type: ignore[arg-type]
    highest = torch.tensor([target.range[1]])
    assert loss(torch.zeros(1, 1), highest).item() == pytest.approx(expected)
    assert loss(torch.full((1, 1), 0.5), highest).item() == pytest.approx(0.0, abs=1e-6)
    beyond = torch.full((1, 1), 9.0, requires_grad=True)
    assert loss.predict(beyond).item() == target.range[1]
    loss(beyond, highest).backward()
    assert beyond.grad is not None and beyond.grad.item() > 0


def test_ordinal_regression_is_the_distance_of_the_expected_label_plus_cross_entropy() -> None:
    loss = OrdinalRegression("l1", alpha=0.5).bound(GRADE)
    outputs, labels = torch.tensor([[0.0, 1.0, 3.0, 1.0, 0.0]]), torch.tensor([4])
    assert loss.predict(outputs).item() == pytest.approx(2.0)
    expected = 2.0 / 4 + 0.5 * nn.functional.cross_entropy(outputs, labels).item()
    assert loss(outputs, labels).item() == pytest.approx(expected)


def test_errors_are_in_the_unit_of_the_target() -> None:
    metrics = HeadMetrics({"grade": GRADE, "depth": DEPTH})
    predicted = {"grade": torch.tensor([1.2, 3.0]), "depth": torch.tensor([0.5, 2.0])}
    metrics.update(torch.zeros(2), predicted, {"grade": torch.tensor([1, 4]), "depth": torch.tensor([0.0, 0.0])})
    found = metrics.compute()
    assert found["mae"].tolist() == pytest.approx([(0.2 + 1.0) / 2 * 2.5, 1.25])
    assert found["acc"][0].item() == 0.5  # rounded to the nearest class


def test_a_loss_may_read_any_entry_of_batch_and_predictions() -> None:
    outputs, batch = sample()
    mapped = Mapped(nn.MSELoss(), {"input": "outputs.b", "target": "batch.wanted"})
    batch = {**batch, "wanted": outputs["b"] + 2.0}
    losses = criteria(criteria={"b": mapped})(outputs, batch)
    assert losses[1].item() == pytest.approx(4.0)


@pytest.mark.parametrize("entry", ["output.b", "b"])
def test_an_entry_of_neither_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"must be outputs\.<head> or batch\.<column>"):
        Mapped(nn.MSELoss(), {"input": entry})


def test_an_entry_that_is_not_there_names_the_nearest() -> None:
    outputs, batch = sample()
    with pytest.raises(ConfigError, match=r"inputs\.input=outputs\.c is not there"):
        Mapped(nn.MSELoss(), {"input": "outputs.c", "target": "batch.a"})(outputs, batch)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), FocalLoss(), OrdinalRegression()])
def test_a_number_refuses_a_loss_of_classes(loss: nn.Module) -> None:
    with pytest.raises((ConfigError, ValueError), match="classes"):
        WeightedCriteria({"depth": DEPTH}, nn.CrossEntropyLoss(), Regression(), {"depth": loss}, {})


def test_losses_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="distance=l3"):
        Regression("l3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="alpha=-1"):
        OrdinalRegression(alpha=-1)
