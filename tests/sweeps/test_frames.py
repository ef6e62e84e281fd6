"""Messages out of a pipe into which a trial may write whatever it likes, as slowly as it likes."""

import multiprocessing
import os
import struct
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from sweeps.worker.frames import Frames


@pytest.fixture
def pipe() -> Iterator[tuple[Frames, Connection]]:
    ours, theirs = multiprocessing.Pipe()
    yield Frames(ours), theirs
    ours.close()


def write(theirs: Connection, data: bytes) -> None:
    os.write(theirs.fileno(), data)


def test_messages_arrive_whole_however_they_were_cut(pipe: tuple[Frames, Connection]) -> None:
    frames, theirs = pipe
    whole = b"".join(struct.pack("!i", len(text)) + text for text in (b"one", b"", b"three"))
    found = []
    for i in range(len(whole)):
        write(theirs, whole[i : i + 1])
        while (message := frames.next()) is not None:
            found.append(message)
    assert found == [b"one", b"", b"three"]
    theirs.send_bytes(b"x" * 100_000)
    assert frames.next() == b"x" * 100_000 and frames.next() is None


def test_a_message_that_is_cut_off_is_not_waited_for(pipe: tuple[Frames, Connection]) -> None:
    frames, theirs = pipe
    for part in (b"\x00", struct.pack("!i", 1000)[1:], b"x" * 10):
        write(theirs, part)
        began = time.monotonic()
        assert frames.next() is None and time.monotonic() - began < 0.5
    theirs.close()
    with pytest.raises(EOFError):
        frames.next()


@pytest.mark.parametrize(
    "garbage", [b"hello, worker", b"\x80\x04N.", struct.pack("!iQ", -1, 2**40), b"\x7f\xff\xff\xff"]
)
def test_garbage_is_refused_at_once(pipe: tuple[Frames, Connection], garbage: bytes) -> None:
    frames, theirs = pipe
    theirs.send_bytes(b"first")
    write(theirs, garbage)
    assert frames.next() == b"first"
    with pytest.raises(ValueError, match="no message"):
        frames.next()


def test_what_was_said_before_the_end_is_heard(pipe: tuple[Frames, Connection]) -> None:
    frames, theirs = pipe
    theirs.send_bytes(b"last word")
    theirs.close()
    assert frames.next() == b"last word"
    with pytest.raises(EOFError):
        frames.next()
