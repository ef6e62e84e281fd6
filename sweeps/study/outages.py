"""Which errors of a database pass by themselves, and how long they are waited out."""

import random
import re
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, PendingRollbackError, SQLAlchemyError

from sweeps.errors import StorageLost

ERRORS = (DBAPIError, StorageInternalError)
"""What the database's driver and Optuna raise."""

Result = TypeVar("Result")

_TELL_AFTER_S = 5.0
_LONGEST_PAUSE_S = 2.0

# A full disk is waited for like a server that is away: whoever makes room has lost nothing.
_PASSING_SQLITE = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_FULL)
_PASSING_SQLITE_DETAILS = (sqlite3.SQLITE_IOERR_SHMSIZE,)
_PASSING_STATES = (
    "08",  # the connection
    "40",  # serialisation, deadlock
    "53",  # connections, memory, disk
    "55P03",  # a lock
    "57P",  # the server starts or stops
)
_CROWD = re.compile(r"too many (clients|connections)|remaining connection slots|the database system is (starting|not)")
_REFUSED = re.compile(r"authentication failed|no pg_hba\.conf entry|(role|database) \S+ does not exist|not permitted")


def is_passing(error: BaseException) -> bool:
    """Whether it may help to wait: the connection, a lock, a conflict with another transaction, or a lack of room.

    A column that does not exist, a right that is missing or a file that is no database stays as it is.
    """
    found = _driver_error(error)
    if isinstance(found, sqlite3.Error):
        code = getattr(found, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF in _PASSING_SQLITE or code in _PASSING_SQLITE_DETAILS
    state = getattr(found, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_PASSING_STATES)
    is_of_connection = type(found).__name__ in ("OperationalError", "InterfaceError", "PendingRollbackError")
    return is_of_connection and not _REFUSED.search(str(found))


def is_crowd(error: BaseException) -> bool:
    """Whether a server has no connection left, or is just starting: then its address is right."""
    return bool(_CROWD.search(str(_driver_error(error))))


def reason(error: BaseException) -> str:
    """The first line of what the database says."""
    lines = str(_driver_error(error)).strip("' \n").splitlines()
    return lines[0] if lines else repr(error)


def wait_out(
    work: Callable[[], Result],
    patience_s: float,
    name: str,
    notice: Callable[[], None] = lambda: None,
    only: Callable[[BaseException], bool] = lambda error: True,
) -> Result:
    """Repeat `work` while its database does not answer.

    Args:
        work: Reads or writes.
        patience_s: How long it is repeated.
        name: How the user calls the database.
        notice: Called after each try that has failed and is repeated.
        only: Which errors are waited out or told as lost; any other is raised as it is.

    Raises:
        StorageLost: The error is not of the kind that passes, or it has not passed in time.
        DataError: The database refuses a value; whoever sent it is at fault.
        IntegrityError: The database has such a row already.
    """
    began, pause_s, is_told = time.monotonic(), 0.1, False
    while True:
        try:
            return work()
        except (DataError, IntegrityError):
            raise
        except ERRORS as error:
            if not only(error):
                raise
            if not is_passing(error):
                raise StorageLost(f"{name}: {reason(error)}") from error
            waited_s = time.monotonic() - began
            if waited_s > patience_s:
                raise StorageLost(f"{name} stopped answering: {reason(error)}") from error
            if waited_s > _TELL_AFTER_S and not is_told:
                is_told = True
                sys.stderr.write(
                    f"Warning: {name} does not answer ({reason(error)}). Waiting for up to {patience_s:g} s.\n"
                )
                sys.stderr.flush()
            notice()
            time.sleep(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _driver_error(error: BaseException) -> BaseException:
    """What the driver has raised, below what SQLAlchemy and Optuna have made of it."""
    if isinstance(error, StorageInternalError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, PendingRollbackError) and error.__context__ is not None:
        error = error.__context__  # Optuna has asked once more in a transaction whose connection was gone
    if isinstance(error, SQLAlchemyError):
        return getattr(error, "orig", None) or error
    return error
