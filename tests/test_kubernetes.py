"""The manifests of docs/kubernetes.md: Kubernetes and KubeRay know their fields, and our commands their options."""

import copy
import re
import shlex
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import typer
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import execution_whitelist
from omegaconf import OmegaConf

from sweeps.checked import study_settings
from sweeps.cli import app
from sweeps.launchers.options import RayWorkers
from tests.conftest import REPOSITORY
from trainer_pkg.models import register_models
from trainer_pkg.trusted import WHITELIST

kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="the schemas of Kubernetes are not installed")

VERSION = "1.30"
PAGE = (REPOSITORY / "docs" / "kubernetes.md").read_text()
JOB, RAY_JOB = (yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))

POD = {"type": "object"}  # Kubernetes' own schema checks it
START = {"type": "object", "additionalProperties": {"type": "string"}}
NUMBER = {"type": "integer", "minimum": 0}


def closed(required: list[str], **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


GROUP = closed(
    ["groupName", "rayStartParams", "template"],
    groupName={"type": "string"},
    rayStartParams=START,
    template=POD,
    **dict.fromkeys(("replicas", "minReplicas", "maxReplicas", "idleTimeoutSeconds", "numOfHosts"), NUMBER),
)
CLUSTER = closed(
    ["headGroupSpec"],
    enableInTreeAutoscaling={"type": "boolean"},
    rayVersion={"type": "string"},
    headGroupSpec=closed(["rayStartParams", "template"], rayStartParams=START, template=POD),
    workerGroupSpecs={"type": "array", "items": GROUP},
)
RAY_JOB_SCHEMA = closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=closed(["name"], name={"type": "string"}),
    spec=closed(
        ["rayClusterSpec", "entrypoint"],
        entrypoint={"type": "string"},
        shutdownAfterJobFinishes={"type": "boolean"},
        ttlSecondsAfterFinished=NUMBER,
        backoffLimit=NUMBER,
        rayClusterSpec=CLUSTER,
    ),
)
"""The fields of https://ray-project.github.io/kuberay/reference/api/ (KubeRay 1.4) that the page uses."""


def pods(manifest: Any) -> Iterator[dict[str, Any]]:
    """Every pod's template in a manifest."""
    if isinstance(manifest, dict):
        for key, value in manifest.items():
            yield from [value] if key == "template" else pods(value)
    elif isinstance(manifest, list):
        for value in manifest:
            yield from pods(value)


def check_pod(template: dict[str, Any]) -> None:
    pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "x"}, "template": template}
    kubernetes_validate.validate(pod, VERSION, strict=True)


def test_the_job_is_one_that_kubernetes_knows() -> None:
    kubernetes_validate.validate(JOB, VERSION, strict=True)
    assert JOB["spec"]["template"]["spec"]["restartPolicy"] == "Never"  # a podFailurePolicy wants that
    wrong = copy.deepcopy(JOB)
    wrong["spec"]["paralellism"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_the_ray_job_is_one_that_kuberay_knows() -> None:
    jsonschema.validate(RAY_JOB, RAY_JOB_SCHEMA)
    assert [check_pod(template) for template in pods(RAY_JOB)] == [None, None]
    wrong = copy.deepcopy(RAY_JOB)
    wrong["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["maxReplica"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, RAY_JOB_SCHEMA)
    [head, _] = pods(copy.deepcopy(RAY_JOB))
    head["spec"]["containers"][0]["imagge"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        check_pod(head)


def test_a_pod_has_time_to_hand_back() -> None:
    settings = study_settings(OmegaConf.create({}))
    for pod in (*pods(JOB), list(pods(RAY_JOB))[1]):
        assert pod["spec"]["terminationGracePeriodSeconds"] > settings.stop_grace_s + 10


def test_the_command_of_a_pod_has_options_that_there_are() -> None:
    [container] = JOB["spec"]["template"]["spec"]["containers"]
    program, verb, *arguments = container["command"]
    parsed = typer.main.get_command(app).commands[verb].make_context(verb, arguments)  # type: ignore[attr-defined]
    assert program == "sweeps" and parsed.params["max_time"] == "12:00:00" and parsed.params["name"] == "demo"


def test_the_line_of_the_ray_job_composes() -> None:
    register_models()
    program, flag, *line = shlex.split(RAY_JOB["spec"]["entrypoint"])
    assert (program, flag) == ("train", "-m")
    first = [argument.partition(",")[0] for argument in line]
    with initialize_config_dir(str(REPOSITORY / "configs")), execution_whitelist(WHITELIST):
        composed = compose("train", overrides=first, return_hydra_config=True)
    assert composed.study.num_workers == 8
    options = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RayWorkers), composed.hydra.launcher))
    assert isinstance(options, RayWorkers) and (options.num_cpus, options.num_gpus) == (4, 1)
