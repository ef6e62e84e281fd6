import functools
import pickle
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.worker.script import Script
from sweeps.worker.task import Task, task_name

SCRIPT = Script(ModuleType("none"), None)
"""A command whose main module cannot be imported."""


def doubled(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(function)
    def wrapper(cfg: Any) -> Any:
        return 2 * function(cfg)

    return wrapper


def hydra_main(function: Callable[[Any], Any]) -> Callable[[], Any]:
    """What Hydra's decorator does: it takes the name, and keeps what it was given."""
    given.append(function)

    @functools.wraps(function)
    def wrapper() -> Any:
        raise AssertionError("Hydra's own layer is not what runs")

    return wrapper


given: list[Any] = []


@hydra_main
def bare(cfg: Any) -> Any:
    return cfg


@doubled
@hydra_main
@doubled
@doubled
def layered(cfg: Any) -> Any:
    return cfg


class Holder:
    @staticmethod
    def inner(cfg: Any) -> Any:
        return cfg

    @classmethod
    def made(cls, cfg: Any) -> Any:
        return cls, cfg

    def __init__(self, by: int) -> None:
        self.by = by

    def run(self, cfg: Any) -> Any:
        return self.by + cfg


def sent(function: Any) -> Any:
    """The callable as another process has it."""
    return pickle.loads(pickle.dumps(Task.of(function, SCRIPT))).find()


def test_exactly_what_hydra_was_given_is_found_by_name() -> None:
    assert sent(given[0]) is given[0] and sent(given[0])(3) == 3
    assert sent(given[1]) is given[1] and sent(given[1])(3) == 12
    assert [Task.of(function, SCRIPT).layers for function in given] == [1, 2]
    assert sent(Holder.inner) is Holder.inner


def test_what_no_name_leads_to_is_sent_by_value() -> None:
    by = 4
    assert sent(lambda cfg: cfg + by)(1) == 5
    assert sent(Holder(2).run)(1) == 3
    assert sent(Holder.made)(1) == (Holder, 1)
    assert sent(functools.partial(pow, 2))(5) == 32


def test_what_cannot_be_sent_is_refused() -> None:
    lock = threading.Lock()
    with pytest.raises(StudyError, match=r"<lambda> cannot be given .* \(TypeError: cannot pickle '_thread.lock'"):
        Task.of(lambda cfg: lock, SCRIPT)


def test_a_script_is_found_under_the_name_that_multiprocessing_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "__mp_main__", sys.modules[__name__])
    assert Task(name="__main__:Holder", module="__mp_main__").find() is Holder


def test_a_callable_without_a_name_is_called_after_its_class() -> None:
    assert task_name(functools.partial(pow, 2)) == "functools:partial"


def nothing(cfg: Any) -> None:
    if cfg:
        return
    print(cfg)


def something(cfg: Any) -> Any:
    return cfg or None


@pytest.mark.parametrize(
    "function, expected",
    [(nothing, True), (something, False), (doubled(nothing), False), (lambda cfg: None, False), (Holder(1), False)],
)
def test_only_a_plain_function_is_known_to_return_nothing(function: Any, expected: bool) -> None:
    assert Task.of(function, SCRIPT).returns_nothing is expected
