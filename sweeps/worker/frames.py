"""Takes the messages of a trial from its pipe without ever waiting for the rest of one."""

import os
import struct
from multiprocessing.connection import Connection

_MAX_MESSAGE = 2**24
"""Bytes; a message of ours has some hundreds."""

_MAX_READ = 2**16


class Frames:
    """Messages as `Connection.send_bytes` writes them, whatever else a trial writes into its pipe.

    `Connection.recv_bytes` believes the length that it reads, and waits until so much has come: garbage in one trial's
    pipe, or a trial that is stopped in the middle of a message, would keep the worker from all its trials.

    Args:
        connection: The worker's end of the pipe.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._held = connection, bytearray()

    def next(self) -> bytes | None:
        """The next whole message; None while there is none.

        Raises:
            EOFError: The pipe is closed, and all whole messages are read.
            OSError: It is broken.
            ValueError: What has come is no message.
        """
        while (message := self._whole()) is None:
            if not self._connection.poll():
                return None
            read = os.read(self._connection.fileno(), _MAX_READ)
            if not read:
                raise EOFError
            self._held += read
        return message

    def _whole(self) -> bytes | None:
        if len(self._held) < 4:
            return None
        (length,) = struct.unpack_from("!i", self._held)
        if not 0 <= length <= _MAX_MESSAGE:  # -1 announces a message of more than 2 GB
            raise ValueError(f"no message: {bytes(self._held[:80])!r}")
        if len(self._held) < 4 + length:
            return None
        message = bytes(self._held[4 : 4 + length])
        del self._held[: 4 + length]
        return message
