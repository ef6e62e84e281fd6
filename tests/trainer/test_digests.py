"""The digest of a cache file: true, and computed once."""

import hashlib
import os
from pathlib import Path

import pytest

from trainer_pkg.data import digests
from trainer_pkg.data.datamodule import DataModule
from trainer_pkg.data.digests import digest_of, digest_of_all
from trainer_pkg.data.digits import Digits


def test_a_digest_is_computed_once_and_anew_when_the_file_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pt"
    path.write_bytes(b"one")
    assert digest_of(path) == hashlib.sha256(b"one").hexdigest()
    monkeypatch.setattr(digests.hashlib, "file_digest", lambda *_: pytest.fail("computed again"))
    assert digest_of(path) == hashlib.sha256(b"one").hexdigest()
    monkeypatch.undo()
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert digest_of(path) == hashlib.sha256(b"two").hexdigest()
    path.with_name("a.pt.sha256").write_bytes(b"\xff spoilt")
    assert digest_of(path) == hashlib.sha256(b"two").hexdigest()


def test_several_files_have_one_digest(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "ab"]
    for path in paths:
        path.write_text(path.name)
    assert digest_of_all(paths[:1]) == digest_of(paths[0])
    assert len({digest_of_all(paths), digest_of_all(paths[::-1]), digest_of(paths[0])}) == 3


def test_a_data_module_names_its_data_by_the_mapped_file(tmp_path: Path) -> None:
    data = DataModule(source=Digits(), cache_dir=tmp_path, num_val=180, batch_size=32)
    data.setup()
    (file,) = tmp_path.glob("*.pt")
    assert data.identity == {
        "name": Digits().name,
        "digest": hashlib.sha256(file.read_bytes()).hexdigest(),
        "rows": {"train": 1257, "val": 180, "test": 360},
    }
