"""Storage URLs: which ones a study can live at, and how they are shown without their passwords."""

from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from sweeps.errors import StudyError
from sweeps.redact import override, text

_VALID = "Valid: sqlite:///FILE, postgresql://USER@HOST/DATABASE."


def check_url(url: str) -> sa.URL:
    """The URL with its driver named; nothing is opened.

    Raises:
        StudyError: It is no storage URL, or of another kind of database.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError) as error:
        raise StudyError(f"study.storage={shown(url)} is no storage URL. {_VALID}") from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql") or not parsed.database:
        raise StudyError(f"study.storage={shown(url)} is not supported. {_VALID}")
    return parsed


def url_of(place: str) -> str:
    """A storage URL as it is; of a folder of studies, `study.directory`, or of a SQLite file its URL."""
    path = Path(place).expanduser()
    if "://" in place or not path.exists():
        return place
    return f"sqlite:///{path / 'studies.db' if path.is_dir() else path}"


def absolute(url: str) -> str:
    """The same place, whatever the working directory is."""
    parsed = check_url(url)
    if parsed.get_backend_name() != "sqlite":
        return url
    return parsed.set(database=str(Path(parsed.database or "").absolute())).render_as_string()


def shown(url: str | sa.URL) -> str:
    """The URL without its password."""
    return text(url if isinstance(url, str) else url.render_as_string(hide_password=True))


def without_passwords(arguments: Iterable[str]) -> list[str]:
    """The overrides that hold no secret: many can read what is kept with a study."""
    return [argument for argument in arguments if override(argument) == argument]
