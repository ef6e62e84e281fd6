"""Serves MLflow's pages over an embedded database, or says where a server's are."""

import os
import sys
from importlib.util import find_spec

from sweeps.errors import StudyError
from sweeps.redact import address
from sweeps.served import announce, check_port
from sweeps.tracking import embedded
from sweeps.tracking.first_use import prepare


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
    check_port(host, port)
    prepare(uri, print)
    if (path := embedded.database_of(uri)) is not None and not embedded.is_database(path):
        raise StudyError(f"{path} is no database. Move it away; `sweeps sync STUDY` fills a new one.")
    announce(f"http://{host}:{port}", "/health", link)
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    quiet |= {"PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"), "MLFLOW_LOGGING_LEVEL": "WARNING"}
    # By the environment: everybody can read a command line, and the address may hold a password.
    stores = {"MLFLOW_BACKEND_STORE_URI": uri, "MLFLOW_REGISTRY_STORE_URI": uri}
    environment = {**os.environ, **quiet, **stores}
    server = ["server", "--host", host, "--port", str(port), "--workers", "1", "--uvicorn-opts", "--log-level warning"]
    os.execve(sys.executable, [sys.executable, "-m", "mlflow", *server], environment)
