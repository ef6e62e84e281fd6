import json
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from sweeps.worker.returned import sendable


class Scores(NamedTuple):
    loss: float
    acc: float


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "returned, sent",
    [
        (None, None),
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.array(0.5), 0.5),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (torch.tensor(0.5, requires_grad=True), 0.5),
        (torch.tensor([0.5, 1.5]), [0.5, 1.5]),
        ((np.float32(0.5),), [0.5]),
        (Scores(0.5, 1.0), [0.5, 1.0]),
        (Decimal("0.5"), 0.5),
        ({"loss": np.float32(0.5), "val": {"acc": torch.tensor(1.0)}}, {"loss": 0.5, "val": {"acc": 1.0}}),
        (OmegaConf.create({"loss": 0.5, "all": [1, 2]}), {"loss": 0.5, "all": [1, 2]}),
        (Silent(), "<Silent>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_of_any_library_are_numbers(returned: Any, sent: Any) -> None:
    assert sendable(returned) == sent
    json.dumps(sendable(returned))


@pytest.mark.parametrize("returned", [np.zeros((1000, 1000)), torch.zeros(2000), list(range(5000)), Any])
def test_what_is_no_result_is_a_short_text(returned: object) -> None:
    sent = sendable(returned)
    assert isinstance(sent, str) and len(sent) <= 200
