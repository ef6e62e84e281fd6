"""MLflow's client is imported in the background, and as this product wants it."""

import os
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys, threading
from sweeps.tracking.first_use import warm_up
others = set(threading.enumerate())
warm_up("sqlite:///mlflow.db")
for thread in set(threading.enumerate()) - others:
    thread.join()
import mlflow.telemetry.client
print("mlflow.store.tracking.sqlalchemy_store" in sys.modules, mlflow.telemetry.client.get_telemetry_client())
"""
_QUIET_ANYWAY = ("CI", "DO_NOT_TRACK", "GITHUB_ACTIONS", "MLFLOW_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST")


def test_it_reports_to_nobody_and_writes_nothing(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _QUIET_ANYWAY}
    output = subprocess.check_output([sys.executable, "-c", _PROGRAM], cwd=tmp_path, env=environment, text=True)
    assert output.split() == ["True", "None"] and list(tmp_path.iterdir()) == []
