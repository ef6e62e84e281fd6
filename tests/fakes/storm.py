"""How a test keeps a study from ending before it has killed as often as it wants to."""

import contextlib
import time
from pathlib import Path

from sweeps import current_trial

STORM = Path("storm")  # in the folder of the study; its text is the number of the trial that waits


def wait_out() -> None:
    """Return when the file is gone, or at once in every other trial."""
    with contextlib.suppress(FileNotFoundError):
        while STORM.read_text() == str(current_trial().number):
            time.sleep(0.05)
