"""`make up`: what it makes, what it refuses, what it opens, and that passwords can be changed."""

import json
import re
import socket
import stat
from collections.abc import Callable

import pytest

from tests.compose.stack import Stack

PASSWORDS = ("POSTGRES_PASSWORD", "MLFLOW_DB_PASSWORD", "STUDY_DB_PASSWORD")
MAX_IMAGE_MB = 800


def said(stack: Stack) -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", (stack.folder / ".env").read_text(), re.MULTILINE))


def test_secrets_are_made_once_and_for_the_owner_alone(stack: Stack) -> None:
    first = said(stack)
    assert stat.S_IMODE((stack.folder / ".env").stat().st_mode) == 0o600
    assert all(re.fullmatch(r"[0-9a-f]{32}", first[name]) for name in PASSWORDS)
    assert len({first[name] for name in PASSWORDS}) == len(PASSWORDS)
    stack.good("make", "up")
    assert said(stack) == first
    assert list((stack.folder / "backups").iterdir()) == []  # no other version, nothing to dump


@pytest.mark.parametrize("name", PASSWORDS)
@pytest.mark.parametrize("value", ["", "change-me"])
def test_a_password_that_is_none_is_refused_by_name(make_stack: Callable[..., Stack], name: str, value: str) -> None:
    stack = make_stack(**(dict.fromkeys(PASSWORDS, "a" * 32) | {name: value}))
    done = stack.compose("config")
    assert done.returncode != 0
    assert re.search(rf"\b{name}\b", done.stderr) and "make up" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not any(re.search(rf"\b{other}\b", done.stderr) for other in PASSWORDS if other != name)


def test_ports_are_open_on_loopback_alone(stack: Stack) -> None:
    config = json.loads(stack.good("docker", "compose", "--profile", "*", "config", "--format", "json"))
    ports = [port for service in config["services"].values() for port in service.get("ports", [])]
    assert {port["host_ip"] for port in ports} == {"127.0.0.1"} and len(ports) == 3
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        outward.connect(("192.0.2.1", 9))  # sends nothing: it only chooses this machine's own address
        address = outward.getsockname()[0]
    for name in ("MLFLOW_PORT", "POSTGRES_PORT"):
        with socket.socket() as tried:
            assert tried.connect_ex(("127.0.0.1", int(stack.environment[name]))) == 0
        with socket.socket() as tried:
            assert tried.connect_ex((address, int(stack.environment[name]))) != 0


def test_every_service_is_confined(stack: Stack) -> None:
    config = json.loads(stack.good("docker", "compose", "--profile", "*", "config", "--format", "json"))
    for name, service in config["services"].items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
    limited = [name for name, service in config["services"].items() if "mem_limit" in service]
    assert {"postgres", "mlflow", "worker", "dashboard"} <= set(limited)


def test_one_image_serves_mlflow_and_it_is_small(stack: Stack) -> None:
    images = stack.good("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert [image for image in images if image.startswith(stack.environment["COMPOSE_PROJECT_NAME"])] == []
    (size,) = stack.good("docker", "image", "inspect", "--format", "{{.Size}}", "sweeps-mlflow:3.17.2").split()
    assert int(size) < MAX_IMAGE_MB * 1e6


def test_passwords_can_be_changed(stack: Stack) -> None:
    stack.sweep("before")
    kept = (stack.folder / ".env").read_text()
    for name in PASSWORDS:  # what an address, a shell, SQL and Compose read differently
        kept = re.sub(rf"^{name}=.*$", f"{name}='new@{name}/%3$#'", kept, flags=re.MULTILINE)
    (stack.folder / ".env").write_text(kept)
    old = dict(stack.environment)
    stack.up()
    assert stack.environment["SWEEPS_STORAGE"] != old["SWEEPS_STORAGE"]
    stack.sweep("after")
    assert "agree" in stack.good("sweeps", "doctor", "before")
    stack.environment["SWEEPS_STORAGE"] = old["SWEEPS_STORAGE"]
    refused = stack.run("sweeps", "list")
    assert refused.returncode != 0 and "password authentication failed" in refused.stderr


def test_a_database_that_refuses_is_told_in_one_line(stack: Stack) -> None:
    stack.in_postgres("postgres", "ALTER ROLE mlflow NOLOGIN")
    try:
        done = stack.run("make", "up")
    finally:
        stack.in_postgres("postgres", "ALTER ROLE mlflow LOGIN")
    assert done.returncode != 0
    assert "MLflow's database cannot be opened: " in done.stderr and "not permitted to log in" in done.stderr
    assert "Traceback" not in done.stderr
