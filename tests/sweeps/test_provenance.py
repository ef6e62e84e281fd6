import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from omegaconf import OmegaConf

from sweeps.identity.program import Program, program_of
from sweeps.identity.provenance import Provenance

ONE = Program(name="lab/app.py:main", root="/a", code="1", revision="r1")
FOLDER = replace(ONE, name="./exp/app.py:main")


def provenance(**values: object) -> Provenance:
    known = {"program": ONE, "config_name": "config", "search_path": (), "directory": "/a"}
    return Provenance(**{**known, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({"values": {"a.b": "16"}}, {"values": {"a.b": "64"}}, "a.b: 16 -> 64"),
        ({"values": {"a": "1"}}, {"values": {"b": "2"}}, "a: 1 -> (none), b: (none) -> 2"),
        (
            {"values": {}},
            {"values": dict.fromkeys("abcde", "1")},
            "a: (none) -> 1, b: (none) -> 1, c: (none) -> 1, 2 more",
        ),
        ({}, {"config_name": "big"}, "--config-name: config -> big"),
        ({"files": {"net/a": "1", "c": "1"}}, {"files": {"net/a": "2", "net/b": "3"}}, "net/a"),
        (
            {"values": {"a": "1"}, "files": {"app": "1", "net/a": "1", "net/b": "1"}},
            {"values": {"a": "2"}, "files": {"app": "2", "net/a": "2", "net/b": "1"}},
            "a: 1 -> 2; files: app, net/a",
        ),
        ({"values": {"a": "1"}, "files": {"app": "1"}}, {"values": {"a": "2"}, "files": {"app": "2"}}, "a: 1 -> 2"),
        (
            {"files": {f"net/{i:02d}": "1" for i in range(12)}},
            {"files": {f"net/{i:02d}": "2" for i in range(12)}},
            f"{', '.join(f'net/{i:02d}' for i in range(10))}, 2 more",
        ),
        ({}, {"search_path": ("file:///x",)}, "the search path:  -> file:///x"),
        ({}, {"program": replace(ONE, name="lab/b.py:main")}, "the application: lab/app.py:main -> lab/b.py:main"),
        ({}, {}, "the configuration"),
    ],
)
def test_what_has_changed_is_told_in_a_few_words(before: dict, now: dict, told: str) -> None:
    assert provenance(**now).changes_since(provenance(**before)) == told


def test_a_study_keeps_it_as_plain_values_without_secrets() -> None:
    config = OmegaConf.create(
        {"hydra": {"job": {"config_name": "c"}, "runtime": {"config_sources": [{"schema": "file", "path": "/p"}]}}}
    )
    made = Provenance.of(
        ONE, config, {"api_key": "canary-canary", "a": {"b": [1, 2.0]}, "c": "${oc.env:X}"}, {"f": "1"}
    )
    assert made.values == {"api_key": "***", "a.b": "[1, 2.0]", "c": "${oc.env:X}"}
    assert Provenance.from_facts(made.as_facts()) == made and made.search_path == ("file:///p",)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (ONE, replace(ONE, root="/b", code="2"), True),  # its project has a name
        (ONE, replace(ONE, name="lab/b.py:main"), False),
        (FOLDER, replace(FOLDER, code="2"), True),  # edited in its place
        (FOLDER, replace(FOLDER, root="/b"), True),  # a copy
        (FOLDER, replace(FOLDER, root="/b", code="2"), False),
    ],
)
def test_a_program_is_the_same_in_its_place_or_as_a_copy(one: Program, other: Program, is_same: bool) -> None:
    assert other.is_same(one) == is_same


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({}, "./proj/src/app.py:main"),
        ({"pyproject.toml": "[project]\nname = 'lab'\n"}, "lab/src/app.py:main"),
        ({"pyproject.toml": "[tool.ruff]\n", ".git/config": "[core]\n"}, "./proj/src/app.py:main"),
        ({".git/config": '[remote "origin"]\n\turl = https://u:pw@host/ann/nets.git\n'}, "ann/nets/src/app.py:main"),
        ({".git/config": '[remote "origin"]\n\turl = git@host:ann/nets.git\n'}, "ann/nets/src/app.py:main"),
    ],
)
def test_a_program_is_named_by_its_place_in_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], name: str
) -> None:
    root = tmp_path / "proj"
    for file, content in {"src/app.py": "", "setup.cfg": "", **files}.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(content)
    module = ModuleType("some_app")
    module.__file__ = str(root / "src" / "app.py")
    monkeypatch.setitem(sys.modules, "some_app", module)
    found = program_of("some_app:main")
    assert (found.name, found.root, found.revision) == (name, str(root), None)


def test_a_revision_says_whether_files_differ_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.py").write_text("a = 1\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=b", *arguments], cwd=tmp_path, check=True)
    module = ModuleType("some_app")
    module.__file__ = str(tmp_path / "app.py")
    monkeypatch.setitem(sys.modules, "some_app", module)
    clean = program_of("some_app:main")
    (tmp_path / "app.py").write_text("a = 2\n")
    dirty = program_of("some_app:main")
    assert clean.revision and dirty.revision == f"{clean.revision}+" and dirty.code != clean.code
    told = provenance(program=dirty).code_changes_since(provenance(program=clean))
    assert told == f"revision {clean.revision} -> {dirty.revision}"
