"""How a console script ends when its user is wrong, or impatient."""

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from hydra.errors import CompactHydraException, InstantiationException
from omegaconf.errors import OmegaConfBaseException

from trainer_pkg.errors import Diverged
from trainer_pkg.postponed import collect_rarely
from trainer_pkg.preflight.one_line import one_line
from trainer_pkg.preflight.renamed import spelling_here


def one_line_errors(main: Callable[[], Any]) -> Callable[[], Any]:
    """Wrap a console script: configuration errors give one line and exit 2, Ctrl-C 130, others stay as they are."""

    @functools.wraps(main)
    def wrapped() -> Any:
        collect_rarely()
        wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
        # With it Hydra raises instead of printing several lines and exiting with 1.
        os.environ["HYDRA_FULL_ERROR"] = "1"
        try:
            result = main()
            sys.stdout.flush()
            return result
        except (CompactHydraException, InstantiationException, OmegaConfBaseException) as error:
            if wants_traceback or _is_bug(error):
                raise
            print(f"Error: {spelling_here(sys.argv[1:]) or one_line(error)}", file=sys.stderr)
            raise SystemExit(2) from None
        except Diverged as error:
            print(f"Error: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        except BrokenPipeError:  # `train --help | head` has all that it wanted; Python flushes once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(128 + signal.SIGPIPE) from None
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None

    return wrapped


def _is_bug(error: BaseException) -> bool:
    """Whether an instantiation failed from within the constructor rather than from its arguments."""
    cause = error.__cause__
    return isinstance(error, InstantiationException) and not isinstance(
        cause, TypeError | ImportError | AttributeError | ValueError | CompactHydraException | type(None)
    )
