"""With compose.tls.yaml a team on several machines: TLS, a login for every route of MLflow, workers from elsewhere."""

import base64
import re
import signal
import socket
import ssl
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable

import pytest

from tests.compose.stack import Stack, variables
from tests.compose.test_servers import PASSWORDS, said
from tests.conftest import free_port, wait_for

WORKER = "sweeps-worker:0.1.0"
GIVEN = ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


ROUTES = """
import mlflow.server.auth
from fastapi import APIRouter
from mlflow.server import app, fastapi_app

mlflow.server.auth.create_app()
for rule in app.url_map.iter_rules():
    for method in rule.methods:
        print("ROUTE", method, rule.rule)
prefixes = {"mcp_server_router": fastapi_app.get_mcp_server_api_route_prefixes()}
for name, router in vars(fastapi_app).items():
    if isinstance(router, APIRouter):
        for route in router.routes:
            for method in route.methods:
                for prefix in prefixes.get(name, [""]):
                    print("ROUTE", method, prefix + route.path)
"""


def own_address() -> str:
    """This machine's address on its network, which a container outside of Compose reaches, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        outward.connect(("192.0.2.1", 9))  # sends nothing
        return str(outward.getsockname()[0])


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    address = own_address()
    made = make_stack("compose.tls.yaml", TLS_HOST=address, TLS_ADDRESS=address, TLS_PORT=str(free_port()))
    refused = made.run("make", "up")
    assert refused.returncode == 2 and "make certificate" in refused.stderr
    made.good("make", "certificate")
    made.up()
    made.environment |= variables(made.good("make", "-s", "user", "NAME=ann"))
    return made


def answer(stack: Stack, method: str, route: str, **headers: str) -> int:
    context = ssl.create_default_context(cafile=stack.environment["MLFLOW_TRACKING_SERVER_CERT_PATH"])
    body = b"{}" if method != "GET" else None
    sent = {"Content-Type": "application/json", **headers}
    asked = urllib.request.Request(stack.environment["MLFLOW_TRACKING_URI"] + route, body, sent, method=method)
    try:
        with urllib.request.urlopen(asked, timeout=60, context=context) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def routes(stack: Stack) -> list[tuple[str, str]]:
    """Method and path of every route that the server in the container has, with something for each variable part."""
    told = stack.compose("exec", "-T", "mlflow", "python", "-W", "ignore", "-c", ROUTES)
    found = re.findall(r"^ROUTE (\w+) (\S+)$", told.stdout, re.MULTILINE)
    assert len(found) > 400, told.stderr
    return [
        (method, re.sub(r"<[^>]+>|\{[^}]+\}", "1", path)) for method, path in found if method not in ("HEAD", "OPTIONS")
    ]


def test_every_route_asks_for_a_login(stack: Stack) -> None:
    open_to_all = {"/health", "/static-files/1", "/favicon.ico"}
    asked = [route for route in sorted(set(routes(stack))) if route[1] not in open_to_all]
    wrong = [(*route, code) for route in asked if (code := answer(stack, *route)) != 401]
    assert not wrong, wrong
    assert answer(stack, "GET", "/health") == 200


def test_the_tls_of_both_servers_is_checked(stack: Stack) -> None:
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        urllib.request.urlopen(stack.environment["MLFLOW_TRACKING_URI"], timeout=10)
    plain = stack.environment["SWEEPS_STORAGE"].replace("sslmode=verify-full", "sslmode=disable")
    refused = stack.run("sweeps", "list", "--storage", plain)
    assert refused.returncode != 0 and "no encryption" in refused.stderr
    assert not any(said(stack)[name] in refused.stderr for name in PASSWORDS)


def test_a_user_trains_and_a_container_elsewhere_joins(stack: Stack) -> None:
    host = stack.begin("team")
    wait_for(lambda: stack.num_done() > 0, 300)
    host.send_signal(signal.SIGINT)
    host.communicate(timeout=120)
    assert stack.num_done() < 4
    stack.good("docker", "compose", "--profile", "workers", "build", "worker", timeout=1200)
    ca = f"{stack.folder}/certs/ca.crt"
    given = {name: stack.environment[name] for name in GIVEN} | {"MLFLOW_TRACKING_SERVER_CERT_PATH": "/ca.crt"}
    given["SWEEPS_STORAGE"] = given["SWEEPS_STORAGE"].replace(ca, "/ca.crt")
    outside = [part for pair in given.items() for part in ("--env", "=".join(pair))]
    stack.good("docker", "run", "--rm", *outside, "--volume", f"{ca}:/ca.crt:ro", WORKER, "sweeps", "worker", "team")
    assert Counter(row["state"] for row in stack.trials("team")) == {"completed": 4}
    assert len(set(stack.machines("finished"))) == 2


def test_the_administrator_gets_another_password(stack: Stack) -> None:
    def login(password: str) -> int:
        credentials = base64.b64encode(f"admin:{password}".encode()).decode()
        return answer(stack, "GET", "/api/2.0/mlflow/users/list", Authorization=f"Basic {credentials}")

    old = said(stack)["MLFLOW_ADMIN_PASSWORD"]
    assert login(old) == 200
    env = stack.folder / ".env"
    env.write_text(env.read_text().replace(old, "b" * 32))
    stack.good("make", "up")
    assert (login(old), login("b" * 32)) == (401, 200)
