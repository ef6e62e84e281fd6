"""What can go wrong outside of a trial. A failing trial is an Outcome, not an exception."""

from collections.abc import Iterable
from difflib import get_close_matches

from hydra.errors import CompactHydraException

from sweeps.redact import text


class SweepsError(CompactHydraException):
    """Base of the errors below; one line for the user, also where the value found has several."""

    exit_code = 2
    """How the command ends: 2 where nothing has been created, 1 where work was under way."""

    def __init__(self, message: str) -> None:
        super().__init__(text(" ".join(message.split())))


class StudyError(SweepsError):
    """A mistake of the user's: rule, value found, nearest valid ones."""


class StorageError(SweepsError):
    """The study storage does not answer, or is none that this version can use."""


class StorageLost(StorageError):
    """The study storage has answered, and does so no more."""

    exit_code = 1


class SweepStopped(SweepsError):
    """The sweep cannot go on; what has ended stays, and the same command continues."""

    exit_code = 1


def first_line(error: BaseException) -> str:
    """What an error says before its details; its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def pass_on_end(error: BaseException) -> None:
    """Raise the end of the process that an error has come of, as where Ctrl-C meets an object that is half made.

    Raises:
        KeyboardInterrupt: Of Ctrl-C.
        SystemExit: Of another signal.
    """
    link = error.__context__
    while link is not None:
        if isinstance(link, KeyboardInterrupt | SystemExit):
            raise link from None
        link = link.__context__


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """List the known names, and the nearest one if any is near."""
    names = [str(name) for name in known]
    near = get_close_matches(found, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{', '.join(names) or 'none'}.{hint}"
