import functools
import pickle
import sys
from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from sweeps.worker.application import Application, task_name


def made_of(*configs: object, task: str = f"{__name__}:task") -> Application:
    return Application.of(task, {"context": lambda: 1}, OmegaConf.create({}), ["x=1"], configs)


def plain(cfg: object) -> object:
    return cfg


@functools.wraps(plain)
def task(cfg: object) -> object:
    raise AssertionError("the decorator is not what runs")


class Holder:
    @staticmethod
    def inner(cfg: object) -> None:
        pass


def test_its_modules_are_those_of_the_task_and_of_every_constructor() -> None:
    config = OmegaConf.create(
        {"model": {"_target_": "pkg.nets.CNN", "parts": [{"_target_": "other.Part"}, 3]}, "x": "${missing}"}
    )
    assert made_of(config).modules == ("other", "pkg.nets", __name__)
    assert made_of(task="__main__:main").modules == ()


def test_plain_pickle_takes_it_with_functions_made_at_run_time() -> None:
    application = pickle.loads(pickle.dumps(made_of()))
    assert application.hydra_context["context"]() == 1 and application.sample == ("x=1",)


def test_its_task_is_found_by_name_without_its_decorators() -> None:
    assert made_of().find_task() is plain
    holder = replace(made_of(), task=task_name(Holder.inner))
    assert holder.find_task() is Holder.inner


def test_a_task_of_the_main_module_is_found_under_the_name_multiprocessing_gives_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "__mp_main__", sys.modules[__name__])
    assert replace(made_of(), task="__main__:plain").find_task() is plain
