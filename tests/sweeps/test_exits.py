import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweeps.checked import study_settings
from sweeps.errors import StorageError, StudyError
from sweeps.exits import one_line, one_line_errors
from sweeps.signals import exit_on_sigterm, obey


def caught(key: str, value: object) -> OmegaConfBaseException:
    config = OmegaConf.create({"model": {"lr": 0.1, "depth": 2}})
    OmegaConf.set_struct(config, True)
    with pytest.raises(OmegaConfBaseException) as error:
        OmegaConf.update(config, key, value)
    return error.value


@pytest.mark.parametrize("error", [StudyError("study.slots=0 is wrong."), StorageError("two\nlines")])
def test_a_mistake_of_the_users_is_one_line_and_exit_2(
    error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    with pytest.raises(SystemExit) as exit_, one_line_errors():
        raise error
    assert exit_.value.code == 2
    assert capsys.readouterr().err == f"Error: {' '.join(str(error).split())}\n"


def test_a_bug_is_no_mistake_of_the_users() -> None:
    with pytest.raises(KeyError), one_line_errors():
        raise KeyError("x")


def test_whoever_asks_for_the_whole_error_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(StudyError), one_line_errors():
        raise StudyError("x")


def test_ctrl_c_and_sigterm_have_their_usual_codes() -> None:
    with pytest.raises(SystemExit) as interrupted, one_line_errors():
        raise KeyboardInterrupt
    with pytest.raises(SystemExit) as terminated, exit_on_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    os.kill(os.getpid(), signal.SIGTERM)  # a further one changes nothing any more
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert (interrupted.value.code, terminated.value.code) == (130, 143)


@pytest.fixture
def handlers() -> Iterator[None]:
    """As in a terminal: a background job, which CI may be, ignores some and hands that down."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Dropped:
    """Gets a signal where Python drops exceptions."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __del__(self) -> None:
        os.kill(os.getpid(), self._number)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_in_a_finalizer_still_ends_the_command(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    with pytest.raises(SystemExit) as ended, one_line_errors(), exit_on_sigterm():
        Dropped(number)
        time.sleep(20)
    assert ended.value.code == 128 + number and time.monotonic() - began < 5
    assert capsys.readouterr().err == ""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_error_that_a_signal_causes_on_its_way_does_not_hide_it(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors(), exit_on_sigterm():
        try:
            os.kill(os.getpid(), number)
            time.sleep(20)
        finally:
            raise StudyError("of an object that was half made")
    assert ended.value.code == 128 + number and capsys.readouterr().err == ""


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_whose_exception_is_taken_for_a_mistake_still_ends_the_command(number: int) -> None:
    tidied = []
    with pytest.raises(SystemExit) as ended, one_line_errors(), exit_on_sigterm():
        with contextlib.suppress(ValueError):
            try:
                os.kill(os.getpid(), number)
                time.sleep(20)
            finally:
                raise ValueError("of an object that was half made")
        try:
            time.sleep(20)
        finally:
            for _ in range(10):  # what cleans up is left alone
                time.sleep(0.05)
                with contextlib.suppress(KeyError):
                    raise KeyError
            tidied.append(number)
    assert ended.value.code == 128 + number and tidied == [number]


@pytest.mark.usefixtures("handlers")
def test_a_signal_that_was_obeyed_is_not_repeated() -> None:
    with exit_on_sigterm():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)
        except SystemExit:
            obey()
        time.sleep(0.4)


@pytest.mark.usefixtures("handlers")
def test_whoever_takes_signals_later_hears_once_of_one_that_was_lost() -> None:
    heard: list[int] = []
    with exit_on_sigterm():
        with contextlib.suppress(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(20)
        before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
        time.sleep(0.5)
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_other_errors_in_a_finalizer_are_told_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty:
        def __del__(self) -> None:
            raise ValueError("in a finalizer")

    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_value))
    with exit_on_sigterm():
        Faulty()
    assert [str(error) for error in told] == ["in a finalizer"]


def test_a_key_that_does_not_exist_is_answered_with_those_that_do() -> None:
    error = caught("model.lrr", 1)
    assert one_line(error) == "Key 'model.lrr' does not exist. Known here: depth, lr. Did you mean 'lr'?"


def test_what_a_line_of_ours_has_quoted_is_not_told_twice() -> None:
    with pytest.raises(StudyError) as refused:
        study_settings(OmegaConf.create({"study": {"replicates": 2.5}}))
    assert one_line(refused.value) == (
        "study.replicates: Value '2.5' of type 'float' could not be converted to Integer"
    )


def test_hydras_advice_and_details_are_left_out() -> None:
    error = ConfigCompositionException("Could not override 'model.lrr'.\nTo append to your config use +model.lrr=1")
    error.__cause__ = caught("model.lrr", 1)
    assert one_line(error) == (
        "Could not override 'model.lrr'. Key 'model.lrr' does not exist. Known here: depth, lr. Did you mean 'lr'?"
    )
