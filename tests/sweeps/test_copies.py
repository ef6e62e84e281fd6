"""Hydra's copies of a job's configuration are what they were, only faster."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.conf import HydraConf
from hydra.core import utils as hydra_utils
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from sweeps.worker.copies import _copy_for_task, _deepcopy, hasten_hydra


@pytest.fixture
def hastened(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    state = Singleton.get_state()
    monkeypatch.setattr(hydra_utils, "copy", hydra_utils.copy)  # type: ignore[attr-defined]
    monkeypatch.setattr(HydraConfig, "set_config", HydraConfig.set_config)
    hasten_hydra()
    yield
    Singleton.set_state(state)


def job(**more: Any) -> DictConfig:
    config = OmegaConf.create({"x": 1, "deep": {"a": [1, {"b": "${x}"}], "path": Path("here")}, **more})
    OmegaConf.set_struct(config, True)
    with open_dict(config):
        config.hydra = OmegaConf.structured(HydraConf)
    config.hydra.job.name = "${x}"
    return config


def test_a_copy_is_a_copy() -> None:
    config = job()
    for node in (config, config.deep, config.hydra):
        found, expected = _deepcopy(node), copy.deepcopy(node)
        assert type(found) is type(expected) and found == expected and found is not node
        assert found._get_parent() is node._get_parent() and found._metadata == expected._metadata
        assert OmegaConf.is_struct(found) == OmegaConf.is_struct(expected)
    found = _deepcopy(config)
    found.deep["a"][0] = 2
    assert config.deep["a"][0] == 1 and found.deep["a"][1]["b"] == 1


def test_what_cannot_be_pickled_is_copied_node_by_node() -> None:
    config = OmegaConf.create({"x": {"made": 1}}, flags={"allow_objects": True})
    config.x.made = lambda: 3
    assert _deepcopy(config).x.made() == 3 and DictConfig not in copy._deepcopy_dispatch  # type: ignore[attr-defined]


@pytest.mark.usefixtures("hastened")
def test_hydra_s_own_part_is_hidden_below_the_job_s_configuration() -> None:
    config = job()
    config.hydra.runtime.output_dir = "/there"
    HydraConfig.instance().set_config(config)
    own = HydraConfig.get()
    assert own.job.name == "1" and OmegaConf.get_type(own) is HydraConf
    config.x = 7
    assert HydraConfig.get().job.name == "7"  # it reads the job's configuration
    assert OmegaConf.is_readonly(config.hydra) and OmegaConf.is_readonly(own)
    assert own is not config.hydra


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, Any, Any, Any]]:
    """Every node below one, with its type, what is said of it, and its value or the names below it."""
    content = node.__dict__.get("_content", node.__dict__.get("_val"))
    inner = content if isinstance(content, dict) else dict(enumerate(content)) if isinstance(content, list) else {}
    yield path, type(node), node._metadata, list(inner) if inner else content
    for key, each in inner.items():
        assert each._get_parent() is node
        yield from nodes(each, f"{path}.{key}")


@pytest.mark.usefixtures("hastened")
def test_until_its_job_has_a_folder_hydra_s_part_is_not_copied() -> None:
    config = job()
    HydraConfig.instance().set_config(config)
    assert HydraConfig.get() is config.hydra and HydraConfig.get().job.name == "1"
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = "/there"
    HydraConfig.instance().set_config(config)
    own = HydraConfig.get()
    assert own is not config.hydra and own.runtime.output_dir == "/there"
    expected = OmegaConf.masked_copy(config, "hydra").hydra
    expected._set_parent(config)
    assert list(nodes(own)) == list(nodes(expected))


def test_a_task_gets_a_copy_of_all_but_hydra_s_own_part() -> None:
    config, plain = job(), job()
    found, expected = _copy_for_task(config), copy.deepcopy(plain)
    for each in (found, expected):
        with open_dict(each):
            del each["hydra"]
    assert list(nodes(found)) == list(nodes(expected))
    assert config == plain and config.hydra._get_parent() is config


@pytest.mark.usefixtures("hastened")
def test_hydra_writes_its_own_part_as_its_jobs_see_it() -> None:
    config = job()
    config.hydra.runtime.output_dir = "/there"
    HydraConfig.instance().set_config(config)
    assert _copy_for_task(HydraConfig.instance().cfg) is HydraConfig.instance().cfg
    assert OmegaConf.is_readonly(HydraConfig.get())
