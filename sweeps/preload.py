"""Imported by the fork server: imports the script that the user started, as each trial would otherwise do for itself.

multiprocessing means to do that, but loses the script's path on the way in Python 3.11 and 3.12.
"""

import contextlib
import os
from multiprocessing import spawn

PATH_VARIABLE = "SWEEPS_SCRIPT"

if path := os.environ.pop(PATH_VARIABLE, None):
    # A script that cannot be imported is left to the trial, whose log has the reason.
    with contextlib.suppress(Exception):
        spawn._fixup_main_from_path(path)  # type: ignore[attr-defined]
