"""What a start does not import, and that it is there for whoever asks."""

import subprocess
import sys

_START = """
import sys
import trainer_pkg.train
import lightning.pytorch
assert "scipy.stats" not in sys.modules, "torchmetrics runs scipy.signal in yet another way"
from scipy.signal import butter, windows
import scipy.signal
import torchmetrics.audio
assert type(scipy.signal).__name__ == "module" and scipy.signal.__all__ and butter is scipy.signal.butter
assert scipy.signal.hamming(5).tolist() == windows.hamming(5).tolist()
assert scipy.signal.__spec__.loader is scipy.signal.__loader__ and hasattr(scipy.signal.__loader__, "get_source")
try:
    scipy.signal.nothing
except AttributeError as error:
    print(error)
"""


def test_lightning_comes_without_scipys_signals_which_run_when_they_are_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout == "module 'scipy.signal' has no attribute 'nothing'\n"
