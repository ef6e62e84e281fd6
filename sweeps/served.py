"""Pages that a command serves: on a port that is free, and announced once they answer."""

import errno
import os
import socket
import time
import urllib.request

from sweeps.errors import StudyError

_PATIENCE_S = 120.0
_PORTS = 20


def check_port(host: str, port: int) -> None:
    """Refuse an address on which nobody can listen.

    Raises:
        StudyError: The port is taken, with one that is free; or the address is none of this machine's.
    """
    try:
        _listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            free = next((other for other in range(port + 1, port + _PORTS) if _is_free(host, other)), None)
            raise StudyError(f"--port={port} is taken.{f' --port={free} is free.' if free else ''}") from error
        raise StudyError(f"--host={host} --port={port}: {error.strerror}.") from error
    except OverflowError as error:
        raise StudyError(f"--port={port} is no port. Valid: 1 to 65535.") from error


def announce(where: str, health: str, link: str) -> None:
    """Leave a process behind that prints the address once the server, which this process becomes, answers.

    Args:
        where: The server's address.
        health: What of it answers as soon as it can.
        link: What follows the address that is printed.
    """
    server = os.getpid()
    if os.fork() != 0:
        return
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and os.getppid() == server:
        try:
            with urllib.request.urlopen(f"{where}{health}", timeout=2):
                print(f"{where}{f'/{link}' if link else ''}", flush=True)
                break
        except OSError:
            time.sleep(0.2)
    os._exit(0)


def _is_free(host: str, port: int) -> bool:
    try:
        _listen(host, port)
    except (OSError, OverflowError):
        return False
    return True


def _listen(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a closed one leaves no trace
        tried.bind((host, port))
