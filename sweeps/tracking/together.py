"""The trials of several studies on one page of the tracking server."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from sweeps.errors import StudyError
from sweeps.redact import address
from sweeps.report.typed import shown_by_mlflow
from sweeps.study.study import Study
from sweeps.tracking.address import where
from sweeps.tracking.cards import BEST, Tag
from sweeps.tracking.complaints import told
from sweeps.tracking.follow import page_view
from sweeps.tracking.mlflow import MlflowView
from sweeps.tracking.parent import view_of
from sweeps.tracking.saved_views import SavedView
from sweeps.trial.files import StudyFiles
from sweeps.values import digest

_LONGEST_LINK, _MAX_LINKED = 2000, 30
_MAX_RUNS = 400
"""A kept view holds 20,000 characters, and each run takes 36 of them."""


def place_of(studies: Sequence[Study], asked: str | None) -> str:
    """The tracking URI that the studies share.

    Args:
        studies: The studies.
        asked: `--tracking`.

    Raises:
        StudyError: One is not tracked, or they are tracked at different places.
    """
    places = {study.name: where(study, asked) for study in studies}
    for name, (uri, _) in places.items():
        if not uri:
            raise StudyError(f"Study {name!r} is not tracked: its command had tracking.uri=null.")
    if len({experiment for _, experiment in places.values()}) > 1:
        told = ", ".join(f"{name} in {experiment}" for name, (_, experiment) in places.items())
        raise StudyError(f"The studies are in different experiments, which have no common page: {told}.")
    if len({uri for uri, _ in places.values()}) > 1:
        raise StudyError("The studies are tracked at different places. --tracking=URI names one that has them all.")
    return next(iter(places.values()))[0]


def page_line(studies: Sequence[Study], asked: str | None) -> str:
    """Where the trials of several studies stand together, or why nowhere."""
    told_more: list[str] = []
    try:
        uri = place_of(studies, asked)
    except StudyError as error:
        return f"MLflow: {error}"
    if not uri.startswith("http"):
        return f"MLflow: {shown_by_mlflow(studies[0], uri, *studies[1:])}"
    try:
        _, link = page_of_all(studies, asked, told_more.append)
    # MLflow's client raises many kinds, of a module that is not to be imported here.
    except Exception as error:
        return f"MLflow: {address(uri)} {told(error)}"
    return "\n".join([f"MLflow: {address(uri).rstrip('/')}/{link}", *told_more])


def page_of_all(studies: Sequence[Study], asked: str | None, tell: Callable[[str], None]) -> tuple[str, str]:
    """Where several studies stand in one table, best first.

    Args:
        studies: Studies of the same objectives.
        asked: `--tracking`.
        tell: Shows the user one line.

    Returns:
        Tracking URI, and what follows the server's address.

    Raises:
        StudyError: As for `place_of` and `page_view`.
    """
    uri = place_of(studies, asked)
    views = [page_view(study, uri, where(study, asked)[1]) for study in studies]
    most = _MAX_RUNS // len(studies)
    runs = [_best_runs(study, view, most) for study, view in zip(studies, views, strict=True)]
    shown = _view(studies, [run for some in runs for run in some])
    views[0].experiment.keep(shown)
    if any(len(some) == most for some in runs):
        tell(f"The page shows at most the {most} best trials of each study.")
    link = views[0].experiment.link(shown)
    if len(link) > _LONGEST_LINK:  # the pages know no kept views, so the link itself has to name the runs
        some = _view(studies, [run for found in runs for run in found[: _MAX_LINKED // len(studies)]])
        tell(f"This version of MLflow shows the {_MAX_LINKED} best trials of them.")
        return uri, views[0].experiment.link(dataclasses.replace(some, id=f"{some.id}-linked"))
    return uri, link


def _best_runs(study: Study, view: MlflowView, most: int) -> list[str]:
    """Ids of the runs of its trials, the best first."""
    name = f"{BEST}{study.value_names[0]}"
    sign = -1 if study.directions[0] == "maximize" else 1
    numbers = {str(trial.number) for trial in study.current_trials()}
    runs = [run for run in view.children() if run.data.tags.get(Tag.TRIAL) in numbers]
    runs.sort(key=lambda run: sign * run.data.metrics.get(name, sign * float("inf")))
    return [str(run.info.run_id) for run in runs[:most]]


def _view(studies: Sequence[Study], runs: Sequence[str]) -> SavedView:
    """The view of the largest study, with the keys of all."""
    views = [
        view_of(study, study.current_trials(), StudyFiles(Path(study.facts.get("directory") or study.name)))
        for study in studies
    ]
    names = " and ".join(sorted(study.name for study in studies))
    listed = ", ".join(f"'{run}'" for run in runs)
    return dataclasses.replace(
        max(views, key=lambda view: len(view.params)),
        id=f"sweeps-{digest(sorted(study.facts['key'] for study in studies))}",
        name=names if len(names) <= 80 else f"{len(studies)} studies",
        filter=f"attributes.run_id IN ({listed})",
        tags=(Tag.STUDY,),
        params=list(dict.fromkeys(key for view in views for key in view.params)),
    )
