"""What a command has printed of a finished study, kept beside the study for the next time that it is typed.

The study's tables and the statistics under them take a second; the same line of a study that nobody has touched since
prints the same. Whatever could change a word is in one of the digests, and a difference in any of them counts.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sweeps.study.glance import Glance
from sweeps.trial.files import StudyFiles, write_text

if TYPE_CHECKING:
    from sweeps.study.storage import Database

Said = Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command has printed at its end.

    Attributes:
        line: Digest of the command.
        study: Digest of the study as the database had it.
        said: Texts in their order, each with the number of its stream: 1 is standard output, 2 standard error.
        code: The exit code.
        files: Digests of the files that the command would have written, by their paths; empty for one that need only
            be there.
    """

    line: str
    study: str
    said: Said
    code: int
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, files: StudyFiles, line: str) -> Self | None:
        """The answer to this line; None where there is none, or a file of the study has changed since."""
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            found = cls(**json.loads(files.answer.read_text(encoding="utf-8")))
            is_whole = all(_digest(Path(path), known) == known for path, known in found.files.items())
            return found if found.line == line and is_whole else None
        return None


def keep_answer(
    database: "Database",
    name: str,
    line: str,
    files: StudyFiles,
    said: Said,
    code: int,
    *,
    uri: str | None,
    read: Sequence[Path] = (),
) -> None:
    """Keep what was printed of a finished study; where it is not to be kept, an earlier answer goes.

    Args:
        database: Where the study is kept.
        name: The study's name.
        line: Digest of the command; empty: nothing is kept.
        files: The study's files.
        said: What a repetition prints.
        code: The exit code.
        uri: Where the study's runs are; None: nowhere.
        read: Files of the application that its trials have imported.
    """
    listed = [path for path in (files.owner, files.best, files.page) if path.is_file()]
    is_tracked = uri is None or files.upload_mark.is_file()
    found = Glance.through(database, name) if line and is_tracked else None
    with contextlib.suppress(OSError):  # a full disk ends nothing: the next command looks the study up
        if found is None:
            files.answer.unlink(missing_ok=True)
            return
        sums = {str(path): "" if path == files.page else _digest(path) for path in listed}
        sums |= {str(path): _digest(path) for path in read if path.is_file()}
        sums |= {str(files.upload_mark): _digest(files.upload_mark)} if uri else {}
        answer = Answer(line=line, study=found.digest, said=said, code=code, files=sums)
        write_text(files.answer, json.dumps(asdict(answer)))


def _digest(path: Path, known: str = "-") -> str:
    """Of a file's content; empty where it need only be there, and is."""
    if not known and path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()
