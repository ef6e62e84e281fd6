"""A process that runs one trial after another: `study.isolation=inline`."""

import pickle
from multiprocessing.connection import Connection

from sweeps.worker.child import run_in_child
from sweeps.worker.isolation import release_directories
from sweeps.worker.job import Job
from sweeps.worker.leftovers import Found
from sweeps.worker.messages import Raised

IDLE = b"idle"
"""Sent behind a trial's last word, once the process is as it was before the trial."""

JOB = b"job "
"""Begins what a worker sends to an idle process; the rest is a pickled job."""


def run_in_turn(job: Job, connection: Connection) -> None:
    """Entry of a process that gets its next trial once it has ended one; it ends where a trial has failed.

    Args:
        job: The first trial.
        connection: The worker's messages come from there, and the trials' go there.
    """
    found = Found()
    following: Job | None = job
    while following is not None:
        word = run_in_child(following, connection)
        if isinstance(word, Raised) or not found.put_back():
            return  # a process of its own for the next one: what was half done must not reach it
        release_directories()
        following = _next(connection)


def _next(connection: Connection) -> Job | None:
    """The next job; None where the worker has gone."""
    try:
        connection.send_bytes(IDLE)
        # What comes before it was for the trial that has ended, such as the word of its pruner.
        while not (read := connection.recv_bytes()).startswith(JOB):
            pass
    except (EOFError, OSError):
        return None
    job: Job = pickle.loads(read.removeprefix(JOB))
    return job
