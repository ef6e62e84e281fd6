"""What `sweeps report` and `sweeps plot` are asked for, or one line that says what there is instead."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from sweeps.errors import StudyError, did_you_mean
from sweeps.report.figures.files import FORMATS, file_of
from sweeps.report.findings import Findings
from sweeps.report.panels.panel import Panel
from sweeps.report.pictures import PICTURES
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles

_MAX_TOLD = 12


def check_drawing() -> None:
    """Refuse to go on without what draws.

    Raises:
        StudyError: It is not installed.
    """
    for library in ("matplotlib", "jinja2"):
        if find_spec(library) is None:
            raise StudyError(f"{library} is not installed: pip install 'hydra-sweeps[report]'.")


def check_kind(kind: str, out: Path) -> str:
    """The format that the name of the file says.

    Raises:
        StudyError: There is no such kind of picture, or no such format.
    """
    if kind not in PICTURES:
        raise StudyError(f"There is no picture {kind!r}. Pictures: {did_you_mean(kind, PICTURES)}")
    format = out.suffix.lower().removeprefix(".")
    if format not in FORMATS:
        raise StudyError(f"--out={out}: a picture is written as {', '.join(f'.{name}' for name in FORMATS)}.")
    return format


def page_path(studies: Sequence[Study], out: Path | None) -> Path:
    """Where the page is written.

    Raises:
        StudyError: The user has named no file, and the studies have no folder on this machine for it.
    """
    if out is not None:
        return out
    if len(studies) > 1:
        raise StudyError("The page of several studies has no folder of its own: --out=FILE.html names a file.")
    directory = Path(studies[0].facts.get("directory") or studies[0].name)
    if not directory.is_dir():
        raise StudyError(f"{directory} is not on this machine: --out=FILE.html names a file.")
    return StudyFiles(directory).page


def check_metrics(findings: Findings, metrics: Sequence[str]) -> None:
    """Refuse a metric that no trial has recorded.

    Raises:
        StudyError: One is not known.
    """
    known = {str(name) for name in (*findings.trials.objectives, *findings.trials.metrics)}
    known |= {course.metric for course in findings.courses} if set(metrics) - known else set()
    for metric in metrics:
        if metric not in known:
            told = did_you_mean(metric, sorted(known))
            raise StudyError(f"--metric={metric} was recorded by no trial. Recorded: {told}")


def chosen(findings: Findings, kind: str, key: str | None) -> tuple[Panel, list[Panel]]:
    """The picture that is asked for, and the others of its kind that were possible.

    Raises:
        StudyError: The study has nothing to draw, or nothing of this key.
    """
    picture = PICTURES[kind]
    panels = list(picture.panels(findings))
    if not panels:
        raise StudyError(f"{kind}: there is nothing to draw. It takes {picture.needs}.")
    fitting = [panel for panel in panels if key is None or key.lstrip("+") in _names(panel)]
    if not fitting:
        known = did_you_mean(key or "", sorted({panel.key for panel in panels if panel.key}))
        raise StudyError(f"--key={key} is on no axis of {kind}. Keys: {known}")
    return fitting[0], fitting[1:]


def picture_file(panel: Panel, format: str) -> bytes:
    """The content of a file with this picture."""
    return file_of(panel.draw(), format)


def told_of(panel: Panel, others: Sequence[Panel]) -> str:
    """What was drawn, and which options would have drawn something else."""
    line = f"{panel.name}. {panel.note}".strip()
    if not others:
        return line
    names = ", ".join(other.name for other in others[:_MAX_TOLD])
    left = f", and {len(others) - _MAX_TOLD} more" if len(others) > _MAX_TOLD else ""
    return f"{line} Others, by --metric or --key: {names}{left}."


def _names(panel: Panel) -> set[str]:
    key = panel.key.lstrip("+")
    return {key, key.rpartition(".")[2]}
