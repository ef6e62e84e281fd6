"""`sweeps register`: gives the model of a study's best trial a name in MLflow's registry."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sweeps.cli.options import Name, Storage, Tracking
from sweeps.errors import StudyError, SweepsError

if TYPE_CHECKING:
    from sweeps.study.records import TrialRow
    from sweeps.study.study import Study
    from sweeps.tracking.mlflow import MlflowView


def register(
    name: Name,
    alias: Annotated[str | None, typer.Option(help="Name of this version, such as `champion`.")] = None,
    model: Annotated[str | None, typer.Option(help="Name of the registered model. Default: that of the study.")] = None,
    trial: Annotated[int | None, typer.Option(help="Number of a trial. Default: the best one.")] = None,
    tracking: Tracking = None,
    storage: Storage = None,
) -> None:
    """Make the best trial's model a version of a registered model; again for the same model changes nothing."""
    from sweeps.report.opened import open_study
    from sweeps.study.urls import shown
    from sweeps.tracking.address import where
    from sweeps.tracking.complaints import told
    from sweeps.tracking.follow import connect
    from sweeps.tracking.lineage import check_names

    study = open_study(name, storage)
    chosen = _chosen(study, trial)
    uri, experiment = where(study, tracking)
    if not uri:
        raise StudyError(f"Study {name!r} is not tracked: its command had tracking.uri=null. --tracking=URI names one.")
    registered = model or name
    check_names(registered, alias)
    try:
        version = _registered(study, chosen, connect(study, uri, experiment, typer.echo), registered, alias)
    except SweepsError:
        raise
    # MLflow's client raises many kinds, of a module that is not to be imported here.
    except Exception as error:
        raise SweepsError(f"--tracking={shown(uri)} {told(error)}") from error
    where_it_is = f"models:/{registered}@{alias}" if alias else f"models:/{registered}/{version}"
    typer.echo(f"{name}: trial {chosen.number} is version {version} of model {registered}: {where_it_is}")


def _chosen(study: "Study", number: int | None) -> "TrialRow":
    """The trial whose model is meant.

    Raises:
        StudyError: There is none, or none yet.
    """
    from sweeps.report.best import winners

    trials = study.current_trials()
    if number is not None:
        found = next((trial for trial in study.trials() if trial.number == number), None)
        if found is None or found.state != "completed":
            state = found.state if found else "not there"
            raise StudyError(f"{study.name}: trial {number} is {state}. The model of a completed trial is registered.")
        return found
    if left := [trial for trial in trials if trial.state in ("open", "running")]:
        what = f"{len(left)} of {len(trials)} trials have not ended"
        raise StudyError(f"{study.name} is not completed: {what}. --trial=N registers that of a completed trial.")
    if len(study.directions) > 1:
        raise StudyError(f"{study.name} has {len(study.directions)} objectives and no one best trial: --trial=N.")
    best = winners(study, trials)
    if not best:
        raise StudyError(f"{study.name}: no trial has a result, so none is the best. `sweeps show` lists them.")
    return best[0]


def _registered(study: "Study", trial: "TrialRow", view: "MlflowView", name: str, alias: str | None) -> int:
    from sweeps.report.typed import looked_at
    from sweeps.tracking.cards import TrialCard
    from sweeps.tracking.follow import card_of
    from sweeps.tracking.models import KeptModel, keep_model
    from sweeps.trial.files import StudyFiles

    assert trial.point is not None
    known, files = view.lineage.models_of(study.facts["key"]), StudyFiles(Path(study.facts.get("directory") or "."))
    card = card_of(study, trial, files)
    run_id = view.find(card or TrialCard(number=trial.number, point=trial.point, files=files.trial(trial.number)))
    if run_id is None:
        sync = looked_at("sync", study)
        raise StudyError(f"{study.name}: MLflow has no run of trial {trial.number}. `{sync}` sends it.")
    if card is not None and KeptModel.of(card.files) is not None:
        model_id = keep_model(view, study, trial, card, known)
    else:  # its directory is on another machine, or gone
        model_id = next((model for (run, _), model in known.items() if run == run_id), None)
    if model_id is None:
        raise StudyError(
            f"{study.name}: trial {trial.number} has kept no checkpoint as a model, here or in MLflow. A task keeps one"
            " by current_trial().log_model(FOLDER), a folder in MLflow's format."
        )
    return view.lineage.register(model_id, run_id, name, alias)
