import math

import pytest

from sweeps.worker.messages import (
    Declared,
    FromTrial,
    GaveUp,
    Progressed,
    Prune,
    Raised,
    Reported,
    Returned,
    ToTrial,
    decode,
    encode,
)

MESSAGES: list[FromTrial | ToTrial] = [
    Reported(trial=3, metrics={"val/acc": 0.5, "lr": 1e-30}, step=2),
    Progressed(trial=0),
    Declared(trial=1, directions={"loss": "min"}),
    Returned(trial=2, value=[1.0, None, "text"]),
    GaveUp(trial=2),
    Returned(trial=2, value=None, worked_s=0.25),
    Raised(trial=2, cause="error", detail="ValueError: zwölf\nlines"),
    Prune(trial=7),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message: FromTrial | ToTrial) -> None:
    assert decode(encode(message)) == message


def test_numbers_that_are_not_finite_arrive() -> None:
    arrived = decode(encode(Returned(trial=0, value=[float("nan"), float("-inf")])))
    assert isinstance(arrived, Returned) and math.isnan(arrived.value[0]) and arrived.value[1] == -math.inf


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"\x80\x04N.",
            b"[]",
            b"3",
            b'{"trial": 1}',
            b'{"kind": "Reported"}',
            b'{"kind": "Nothing", "trial": 1}',
        ),
        b'{"kind": "Progressed", "trial": 1, "more": 2}',
        b'{"kind": "Progressed", "trial": "1"}',
        b'{"kind": "Reported", "trial": 1, "metrics": {"a": "b"}, "step": 1}',
        b'{"kind": "Reported", "trial": 1, "metrics": [1], "step": 1}',
        b'{"kind": "Reported", "trial": 1, "metrics": {}, "step": 1.5}',
        b'{"kind": "Declared", "trial": 1, "directions": {"loss": "down"}}',
        b'{"kind": "Raised", "trial": 1, "cause": "bad luck", "detail": ""}',
        b'{"kind": "Raised", "trial": 1, "cause": "error", "detail": 3}',
        b'{"kind": "Returned", "trial": 1, "value": 1.0, "worked_s": "1"}',
        b'{"kind": "GaveUp", "trial": 1, "worked_s": -1}',
        b'{"kind": "Raised", "trial": 1, "cause": "error", "detail": "", "worked_s": Infinity}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no message"):
        decode(data)


def test_texts_that_databases_refuse_are_mended() -> None:
    arrived = decode(encode(Raised(trial=0, cause="error", detail="a\x00b\ud800c" + "x" * 10_000)))
    assert isinstance(arrived, Raised) and arrived.detail.startswith("a\ufffdb?c") and len(arrived.detail) == 4000
