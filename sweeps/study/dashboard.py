"""Serves optuna-dashboard over the database of studies."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from ipaddress import ip_address
from socket import gethostname
from socketserver import ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from sweeps.errors import StudyError
from sweeps.served import announce, check_port
from sweeps.study.storage import Database

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""As WSGI has it."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the pages ask every few seconds."""


def check_dashboard() -> None:
    """Refuse to go on without optuna-dashboard.

    Raises:
        StudyError: It is not installed.
    """
    if find_spec("optuna_dashboard") is None:
        raise StudyError("optuna-dashboard is not installed: pip install 'hydra-sweeps[dashboard]'.")


def serve(database: Database, host: str, port: int, study: str | None = None) -> None:
    """Serve the pages until the command is interrupted, and print their address once they answer.

    They get the open storage: an address with a password never stands on a command line.

    Args:
        database: Where the studies are.
        host: Address to listen on.
        port: Port to listen on.
        study: The study whose page the address opens; None: the list of all.

    Raises:
        StudyError: The port is taken.
    """
    check_port(host, port)
    from optuna_dashboard import wsgi

    link = "dashboard"
    if study is not None:
        link += f"/studies/{database.storage.get_study_id_from_name(study)}"
    pages = _asked_by_name(wsgi(database.storage), host)
    with make_server(host, port, pages, server_class=_Server, handler_class=_Quiet) as server:
        announce(f"http://{host}:{port}", "/api/meta", link)
        server.serve_forever()


def _asked_by_name(pages: Application, host: str) -> Application:
    """The pages for who asks this machine; a name that a stranger's site leads here is refused, as MLflow does it."""
    names = {host, "localhost", gethostname().lower()}

    def checked(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        asked = urlsplit(f"//{environment.get('HTTP_HOST', '')}").hostname or ""
        if asked in names or _is_address(asked):
            return pages(environment, start)
        start("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"Nobody is served here by this name: ask by the address, or by localhost.\n"]

    return checked


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
