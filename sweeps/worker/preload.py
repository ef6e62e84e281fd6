"""Imported by the fork server, last: does once what each of its trials would otherwise do for itself."""

import contextlib
import ctypes
import gc
import importlib
import sys

from sweeps.identity.origin import Circumstances
from sweeps.worker import at_exit, generators, lost_threads, own_code
from sweeps.worker.application import published
from sweeps.worker.rehearsal import rehearse
from sweeps.worker.script import give_globals

_PLACES = ("adlfs", "gcsfs", "s3fs")
"""File systems that Lightning imports where it finds them, as soon as a callback writes a checkpoint to any."""

# What fails here fails in the trial too, whose log then has the reason.
with contextlib.suppress(Exception):
    for name in published().modules:  # most are there: the server was told of them before the application was known
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for name in _PLACES if {"lightning.pytorch", "pytorch_lightning"} & sys.modules.keys() else ():
        with contextlib.suppress(Exception):
            importlib.import_module(name)
with contextlib.suppress(Exception):
    sys.modules["torchmetrics"].SumMetric()  # the first metric of a process looks for the version of torch
with contextlib.suppress(Exception):
    published().import_script()  # multiprocessing means to, but loses the path in Python 3.11 and 3.12
    give_globals(published().main, published().main_globals)
    rehearse(published().sample)
    Circumstances.here()
with contextlib.suppress(Exception):
    lost_threads.note()
with contextlib.suppress(Exception):
    own_code.watch()
with contextlib.suppress(Exception):
    generators.hold()
with contextlib.suppress(Exception):
    at_exit.keep_files()
# A collection in a trial need not look at all that was imported, nor copy its pages.
gc.collect()
gc.freeze()
gc.enable()
# What the imports have freed goes back: to take a new page costs a trial less than to copy one that nobody reads.
with contextlib.suppress(AttributeError, OSError):  # a function of glibc's
    ctypes.CDLL(None).malloc_trim(0)
