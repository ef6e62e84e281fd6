"""The page and the pictures that a finished study keeps in its folder, for whoever looks there and for its run."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from sweeps.errors import first_line
from sweeps.study.study import Study
from sweeps.trial.files import StudyFiles, write_text

_SLACK_S = 120.0
"""How far the clock of the database may be ahead of that of the disk."""


def keep_report(study: Study, files: StudyFiles, warn: Callable[[str], None]) -> Path | None:
    """Write the page and the pictures; the page's path, or None where there is none.

    Without the extra that draws there is none. Whatever goes wrong is one line: the trials have their results.

    Args:
        study: A study that is finished.
        files: Its files on this machine.
        warn: Shows the user one line.
    """
    if find_spec("matplotlib") is None or find_spec("jinja2") is None:
        return None
    try:
        from sweeps.report.page.document import page_of
        from sweeps.report.page.sections import plots_of, sections_of
        from sweeps.tracking.found import findings_of  # with pandas, for which no start of a sweep waits

        with findings_of([study], folders=[files]) as findings:
            sections = sections_of(findings)
            page, plots = page_of(findings, sections), plots_of(sections)
        files.plots.mkdir(parents=True, exist_ok=True)
        for kind, svg in plots.items():
            write_text(files.plots / f"{kind}.svg", svg)
        write_text(files.page, page.decode())
    except Exception as error:
        warn(f"the study's page was not written: {type(error).__name__}: {first_line(error)}")
        return None
    return files.page


def kept_report(study: Study, files: StudyFiles) -> Iterator[tuple[str, Path]]:
    """Name and path of what `keep_report` has written since the last trial ended.

    Args:
        study: The study.
        files: Its files, or what was gathered of them, which has no page.
    """
    for folder in dict.fromkeys((files.directory, Path(study.facts.get("directory") or files.directory))):
        found = StudyFiles(folder)
        if found.page.is_file() and _is_of_today(study, found.page):
            yield found.page.name, found.page
            for path in sorted(found.plots.glob("*.svg")):
                yield f"{found.plots.name}/{path.name}", path
            return


def _is_of_today(study: Study, page: Path) -> bool:
    """Whether no event is later: another machine may have gone on with the study."""
    last = max((event.at for event in study.events()), default=0.0)
    return page.stat().st_mtime > last - _SLACK_S
