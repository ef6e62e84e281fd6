"""What a tracking server's error amounts to: silence, a refusal, or a fault."""

import re

from sweeps.redact import text

_OF_ENTRY = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_ALREADY_EXISTS"}
_OF_RUN = {
    "RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "INVALID_STATE",
    "ENDPOINT_NOT_FOUND", "NOT_FOUND", "FEATURE_DISABLED", "NOT_IMPLEMENTED", "RESOURCE_EXHAUSTED",
}  # fmt: skip
"""MLflow's codes of what a server answers that has understood; all others are faults, its own or of the way there."""

_UNREACHED = ("requests", "urllib3", "socket")


def refuses_entry(error: BaseException) -> bool:
    """Whether the server refuses what one of the entries of a batch says."""
    return getattr(error, "error_code", None) in _OF_ENTRY


def is_refusal(error: BaseException) -> bool:
    """Whether the server has answered, and takes this at no time; another try would change nothing."""
    return refuses_entry(error) or getattr(error, "error_code", None) in _OF_RUN


def told(error: BaseException) -> str:
    """What the server does, and why: `does not answer: Connection refused`."""
    if is_refusal(error):
        return f"refuses: {reason(error)}"
    return f"does not answer: {reason(error)}" if _is_silence(error) else f"has failed: {reason(error)}"


def reason(error: BaseException) -> str:
    """Why, in a few words; the client nests the cause in a page of text."""
    found = str(error).strip()
    cause = re.search(r"(?:\[Errno [^]]*\] |RemoteDisconnected\(')([^'\")]+)", found)
    lines = found.splitlines()
    return text(cause.group(1).strip() if cause else (lines[0] if lines else type(error).__name__)[:160])


def _is_silence(error: BaseException | None) -> bool:
    while error is not None:
        is_of_network = type(error).__module__.split(".")[0] in _UNREACHED
        if is_of_network or isinstance(error, ConnectionError | TimeoutError) or "API request to" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
