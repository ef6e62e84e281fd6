"""Imported by the fork server before all else: from here on it ends with its command, also while it imports."""

import gc
import logging
import os
import signal
import warnings

from sweeps.worker import generators, kinship, paths

# Nothing that it imports is garbage; `preload`, which is imported last, collects once and then as usual.
gc.disable()
for number in kinship.OF_THE_WORKER:
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, kinship.OF_THE_WORKER)
kinship.server_pid = os.getpid()
if parent := os.environ.pop(kinship.PARENT, None):
    kinship.die_with(int(parent))
kinship.adopt_orphans()
paths.take_over()  # multiprocessing gives them to the trials, but not to it
generators.watch()
# A script that was started by its path is imported as `__mp_main__`; its loggers keep the names of a plain run.
logging.Logger.manager.loggerDict["__mp_main__"] = logging.getLogger("__main__")
# multiprocessing warns of each orphan that it collects.
warnings.filterwarnings("ignore", message="forkserver: waitpid returned unexpected pid")
