"""The fake application with one more launcher: one module, and one line."""

import runpy
import sys
from pathlib import Path

from sweeps.launchers import LAUNCHERS

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER))
    LAUNCHERS["subprocesses"] = "launcher"
    runpy.run_path(str(FOLDER / "app.py"), run_name="__main__")
