import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from sweeps.worker.application import Application
from sweeps.worker.task import Task


def made_of(*configs: object, task: Task | None = None) -> Application:
    return Application.of(
        task or Task(name=f"{__name__}:plain", module=__name__),
        {"context": lambda: 1},
        OmegaConf.create({}),
        ["x=1"],
        configs,
    )


def test_its_modules_are_those_of_the_task_and_of_every_constructor() -> None:
    config = OmegaConf.create(
        {"model": {"_target_": "pkg.nets.CNN", "parts": [{"_target_": "other.Part"}, 3]}, "x": "${missing}"}
    )
    assert made_of(config).modules == (__name__, "other", "pkg.nets")  # the task's first, as in a plain run
    with_more = Application.of(Task(name="a:b", module="a"), {}, OmegaConf.create({}), ["x=1"], [config], ["own", "a"])
    assert with_more.modules == ("a", "other", "pkg.nets", "own")
    assert made_of(task=Task(name="__main__:main", module="__mp_main__")).modules == ()


def test_plain_pickle_takes_it_with_functions_made_at_run_time() -> None:
    application = pickle.loads(pickle.dumps(made_of()))
    assert application.hydra_context["context"]() == 1 and application.sample == ("x=1",)


def test_a_script_that_cannot_be_imported_says_so_instead_of_another_script_s_function(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text("import not_there\n")
    task = Task(name="__main__:main", module="__mp_main__")  # here that name is one of pytest
    application = replace(made_of(task=task), script=str(script))
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        application.find_task()
