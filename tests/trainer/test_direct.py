"""What is built without Hydra is what Hydra builds; what may not be built that way is left to it."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import execution_whitelist, instantiate
from omegaconf import OmegaConf

from tests.trainer.fused import LISTED, config
from trainer_pkg.assemble import make_data
from trainer_pkg.direct import Unusual, construct

ADAM = {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.1}


@pytest.mark.parametrize(
    "overrides",
    [
        ("model=dense",),
        ("model=mlp", "model/head=hidden", "model/adapter=linear", "model.loss_weights.thickness=0.5"),
        ("+model.criteria.thickness._target_=trainer_pkg.losses.ordered.OrdinalRegression", "model/balancer=uw"),
    ],
)
def test_a_module_is_the_one_that_hydra_builds(overrides: tuple[str, ...], tmp_path: Path) -> None:
    cfg = config(tmp_path, tmp_path / "data", *overrides)
    plain: Any = OmegaConf.to_container(cfg.model, resolve=True)
    with execution_whitelist([*LISTED, "torch.*", "trainer_pkg.*"]):
        spec = make_data(cfg).spec
        torch.manual_seed(0)
        theirs = instantiate(cfg.model, spec=spec)
        torch.manual_seed(0)
        ours = construct(plain, spec=spec)
    assert repr(ours) == repr(theirs)
    one, two = ours.state_dict(), theirs.state_dict()
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    kept = [module.configure_optimizers()["optimizer"].defaults for module in (ours, theirs)]
    assert kept[0] == kept[1]


def test_a_partial_waits_for_its_other_arguments() -> None:
    made = construct(ADAM)
    assert isinstance(made, functools.partial) and made.keywords == {"lr": 0.1}


@pytest.mark.parametrize(
    "plain",
    [
        None,
        {"lr": 0.1},
        {"_target_": "os.system", "command": "true"},
        {"_target_": "trainer_pkg.generated.Generated", "path": "x.py"},
        {"_target_": "torch.nn.Linear", "_args_": [1, 2]},
        {"_target_": "torch.nn.Linear", "in_features": "???", "out_features": 1},
        {"_target_": "torch.nn.Linear", "in_features": "${n}", "out_features": 1},
        {**ADAM, "_convert_": "all"},
        {"_target_": "torch.nn.CrossEntropyLoss", "weight": {"_target_": "torch.load", "f": "x"}},
    ],
)
def test_what_is_hydra_s_to_interpret_is_left_to_it(plain: Any) -> None:
    with pytest.raises(Unusual):
        construct(plain)
