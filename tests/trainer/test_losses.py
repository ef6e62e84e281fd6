import pytest
import torch
from torch import nn

from trainer_pkg.losses.classification import FocalLoss, WeightedCrossEntropy
from trainer_pkg.losses.criteria import WeightedCriteria
from trainer_pkg.metrics import HeadMetrics

HEADS = ["a", "b"]


def criteria(**options: object) -> WeightedCriteria:
    given = {"criteria": {}, "weights": {}, **options}
    return WeightedCriteria(HEADS, nn.CrossEntropyLoss(), **given)  # type: ignore[arg-type]


def sample() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    outputs = {"a": torch.randn(6, 3), "b": torch.randn(6, 2)}
    return outputs, {"a": torch.tensor([0, 1, 2, 0, 1, 2]), "b": torch.tensor([0, 1] * 3)}


def test_the_total_is_the_weighted_sum_and_a_head_left_out_counts_one() -> None:
    outputs, batch = sample()
    total, losses = criteria(weights={"b": 0.25})(outputs, batch)
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
        metrics.update(losses, scores, part)
    losses, accuracies = metrics.compute()
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
