"""Serves MLflow's pages over an embedded database, or says where a server's are."""

import os
import socket
import sys
import time
import urllib.request
from importlib.util import find_spec

from sweeps.errors import StudyError
from sweeps.redact import address
from sweeps.tracking import embedded
from sweeps.tracking.mlflow import prepare

_PATIENCE_S = 120.0
_PORTS = 20


def serve(uri: str, host: str, port: int, link: str) -> None:
    """Become the server of the pages, and print their address once it answers; only print it where there is a server.

    Args:
        uri: Tracking URI.
        host: Address to listen on.
        port: Port to listen on.
        link: What follows the address.

    Raises:
        StudyError: The port is taken, the file is no database of MLflow's, or its server is not installed.
    """
    if uri.startswith("http"):
        print(f"{address(uri).rstrip('/')}{f'/{link}' if link else ''}")
        return
    if find_spec("flask") is None:  # MLflow's slim package has the client and the database alone
        raise StudyError("The pages are a part of MLflow's server: pip install 'hydra-sweeps[server]'.")
    if not _is_free(host, port):
        free = next((other for other in range(port + 1, port + _PORTS) if _is_free(host, other)), None)
        raise StudyError(f"--port={port} is taken.{f' --port={free} is free.' if free else ''}")
    prepare(uri, print)
    if (path := embedded.database_of(uri)) is not None and not embedded.is_database(path):
        raise StudyError(f"{path} is no database. Move it away; `sweeps sync STUDY` fills a new one.")
    _announce(f"http://{host}:{port}", link)
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # By the environment: everybody can read a command line, and the address may hold a password.
    environment = {**os.environ, **quiet, "MLFLOW_BACKEND_STORE_URI": uri}
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    os.execve(sys.executable, command, environment)


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does: a closed one leaves no trace
        try:
            tried.bind((host, port))
        except OSError:
            return False
    return True


def _announce(where: str, link: str) -> None:
    """Leave a process behind that prints the address once the server, which this process becomes, answers."""
    server = os.getpid()
    if os.fork() != 0:
        return
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and os.getppid() == server:
        try:
            with urllib.request.urlopen(f"{where}/health", timeout=2):
                print(f"{where}{f'/{link}' if link else ''}", flush=True)
                break
        except OSError:
            time.sleep(0.2)
    os._exit(0)
