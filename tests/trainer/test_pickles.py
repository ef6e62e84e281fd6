"""A stranger's pickle gives arrays and plain containers, or one line; it never runs, forges, or fills the memory."""

import pickle
import pickletools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.runs import in_fork
from trainer_pkg.data.files import MultiheadFiles
from trainer_pkg.data.pickles import read_pickle
from trainer_pkg.errors import ConfigError


class Call:
    """Pickled as a call, with a state if there is one."""

    def __init__(self, function: Any, *args: Any, state: Any = None) -> None:
        self._reduced = (function, args) if state is None else (function, args, state)

    def __reduce__(self) -> Any:
        return self._reduced


def named(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


CORE = named("numpy._core.multiarray", "_reconstruct")
NDARRAY = named("numpy", "ndarray")
OBJECTS = named("numpy", "dtype") + b"(V\x4f8\nI00\nI01\ntR"
BYTES = named("numpy", "dtype") + b"(Vu1\nI00\nI01\ntR"
EMPTY = CORE + b"(" + NDARRAY + b"(I0\ntVb\ntR"


def raw(content: bytes) -> bytes:
    return b"B" + len(content).to_bytes(4, "little") + content


FORGED = {
    "an array over a buffer": NDARRAY + b"((I4\nt" + OBJECTS + raw(b"\x41" * 32) + b"tR.",
    "objects in a state": EMPTY + b"(I1\n(I4\nt" + OBJECTS + b"I00\n" + raw(b"\x41" * 32) + b"tb.",
    "objects from a buffer": named("numpy._core.numeric", "_frombuffer")
    + b"("
    + raw(b"A" * 8)
    + OBJECTS
    + b"(I1\ntVC\ntR.",
    "an object as a scalar": named("numpy._core.multiarray", "scalar") + b"(" + OBJECTS + raw(b"A" * 8) + b"tR.",
    "too few bytes": EMPTY + b"(I1\n(I1000\nt" + BYTES + b"I00\n" + raw(b"A") + b"tb.",
    "a huge shape": EMPTY + b"(I1\n(L99999999999999999999L\nt" + BYTES + b"I00\n" + raw(b"A") + b"tb.",
    "a shape that wraps": EMPTY + b"(I1\n(L4294967296L\nL4294967296L\nt" + BYTES + b"I00\n" + raw(b"") + b"tb.",
    "a negative shape": EMPTY + b"(I1\n(I-1\nI-1\nt" + BYTES + b"I00\n" + raw(b"A") + b"tb.",
    "a state of nothing": EMPTY + b"Nb.",
    "a state twice": EMPTY + (b"(I1\n(I1\nt" + BYTES + b"I00\n" + raw(b"A") + b"tb") * 2 + b".",
    "fields of a type": named("numpy", "dtype") + b"(Vu1\nI00\nI01\ntR(I3\nV|\nNVa\n}tb.",
    "a type of records": named("numpy", "dtype") + b"(VV8\nI00\nI01\ntR.",
    "a type of text": named("numpy", "dtype") + b"(VU8\nI00\nI01\ntR.",
    "a type of times": named("numpy", "dtype") + b"(VM8\nI00\nI01\ntR.",
    "a type by its class": named("numpy", "dtype") + b"(" + NDARRAY + b"tR.",
    "the state of a function": CORE + b"}Va\nI1\nsb.",
    "an attribute of a function": CORE + b"(N}V_call\nN" + b"stb.",
    "a new object of a function": CORE + b")\x81.",
    "a number's dictionary": BYTES + b"}Vfound\nNsb.",
    "a function in a function": CORE + b"(" + CORE + b"tR.",
    "another module": named("numpy", "fromfile") + b"(V/etc/passwd\ntR.",
    "a dotted name": b"\x80\x04" + b"\x8c\x05numpy" + b"\x8c\x10ndarray.__init__" + b"\x93.",
    "another encoding": named("_codecs", "encode") + b"(Vabc\nVrot13\ntR.",
    "a registered extension": b"\x80\x02\x82\x01.",
    "a persistent name": b"Pid\n.",
    "a far place in the memo": b"]r\xff\xff\xff\x7f.",
    "a frame without end": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f].",
    "bytes without end": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_pickle_is_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(FORGED[name])

    def read() -> None:  # in a fork: what it may do is end the process
        with pytest.raises(ConfigError, match="is no pickle of arrays and plain containers: ") as caught:
            read_pickle(path)
        assert "\n" not in str(caught.value)

    assert in_fork(read) == 0


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=np.int64).reshape(3, 4)),
        np.arange(6, dtype=">i4"),
        np.array([True, False]),
        np.float32(0.5),
        np.arange(3.0),
        np.zeros((0, 5), np.uint8),
        np.arange(24, dtype=np.int16).reshape(2, 3, 4)[:, ::2],
        np.array(7),
    ],
)
def test_arrays_come_back_whatever_the_protocol(value: Any, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(
        pickle.dumps({"data": [value, value], "text": b"\xff\x00", "n": (1, None, 2.5)}, protocol=protocol)
    )
    found = read_pickle(path)
    assert found["text"] == b"\xff\x00" and found["n"] == (1, None, 2.5)
    for one in found["data"]:
        assert np.array_equal(one, value) and np.asarray(one).dtype.name == value.dtype.name


def test_many_arrays_of_the_same_bytes_are_too_large(tmp_path: Path) -> None:
    one = BYTES + raw(b"A" * 10**6)
    again = named("numpy._core.numeric", "_frombuffer") + b"(g2\ng1\n(I1000000\ntVC\ntRa"
    path = tmp_path / "batch"
    path.write_bytes(BYTES + b"p1\n0" + raw(b"A" * 10**6) + b"p2\n0]" + again * 1000 + b".")
    assert one and list(pickletools.genops(path.read_bytes()))
    with pytest.raises(ConfigError, match="its arrays are larger than the file"):
        read_pickle(path)


@pytest.mark.parametrize("records", [[10**10] * 3, np.full(3, 10**10), [[[1, 0, 1]]] * 3, ["abc"] * 3, [None] * 3])
def test_a_record_that_is_none_is_one_line(records: Any, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": np.zeros((3, 784), np.uint8), "labels": records}))
    with pytest.raises(ConfigError, match="the label record of sample 0 is not made of bytes"):
        MultiheadFiles(path, path).load()


@pytest.mark.parametrize("images", [7, np.array(7), np.zeros((0, 784)), [], [7], [[[0]] * 784], "text", {0: 1}])
def test_images_that_are_none_are_one_line(images: Any, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": images, "labels": [[1, 0, 1]]}))
    with pytest.raises(ConfigError, match="images"):
        MultiheadFiles(path, path).load()


def test_lists_that_hold_each_other_are_not_followed(tmp_path: Path) -> None:
    deep: list[Any] = [0]
    for _ in range(40):
        deep = [deep, deep]
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": [deep], "labels": [deep]}))
    with pytest.raises(ConfigError):
        MultiheadFiles(path, path).load()


def test_convert_refuses_a_forged_pickle_in_one_line(tmp_path: Path) -> None:
    for name in ("train_batch", "test_batch"):
        (tmp_path / name).write_bytes(b"}Vdata\n" + FORGED["an array over a buffer"][:-1] + b"s.")
    command = [sys.executable, "-m", "trainer_pkg.convert", str(tmp_path), str(tmp_path / "to")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "is no pickle of arrays and plain containers" in done.stderr and not (tmp_path / "to").exists()
