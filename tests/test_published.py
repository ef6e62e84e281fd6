"""The published studies: what their pages and tables say is what their raw frames hold."""

import importlib.util
import re
import sys
from types import ModuleType

import pandas as pd
import pytest

from tests.conftest import REPOSITORY

STUDIES = REPOSITORY / "docs" / "studies"
TABLES = {
    "mnist": {"mnist-cnn": {"model": "cnn"}, "mnist-dense": {"model": "dense"}},
    "qm9": {"qm9-table": {}},
}
TRIALS, SEEDS = {"mnist": 260, "qm9": 120}, 5
MAX_PAGE = 1_000_000
BOTH = pytest.mark.parametrize("study", list(TABLES))
EACH = pytest.mark.parametrize(("study", "table"), [(study, table) for study in TABLES for table in TABLES[study]])


def frame_of(study: str) -> pd.DataFrame:
    return pd.read_csv(STUDIES / f"{study}-trials.csv")


def keys_of(frame: pd.DataFrame) -> list[str]:
    """The columns that make a cell."""
    return [key for key in frame if key.startswith("model.loss_weights.") or key in ("model", "model/balancer")]


def quoted() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quoted", STUDIES / "quoted.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["quoted"] = module  # where a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a Markdown table, without its marks."""
    lines = [line for line in (STUDIES / f"{table}.md").read_text().splitlines() if line.startswith("|")]
    cells = [[re.sub(r"\*\*|</?ins>", "", cell).strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [dict(zip(cells[0], row, strict=True)) for row in cells[2:]]


def trials_of(study: str, table: str, row: dict[str, str]) -> pd.DataFrame:
    """The trials of a row."""
    frame = frame_of(study)
    for key, value in TABLES[study][table].items():
        frame = frame[frame[key] == value]
    for heading, value in row.items():
        if heading.startswith("w "):
            frame = frame[(frame[f"model.loss_weights.{heading[2:]}"] - float(value)).abs() < 1e-6]
    return frame[frame["model/balancer"].fillna("") == row["balancer"]]


@BOTH
def test_every_cell_has_its_seeds(study: str) -> None:
    frame = frame_of(study)
    assert len(frame) == TRIALS[study] and set(frame["state"]) == {"completed"}
    seeds = frame.fillna({"model/balancer": ""}).groupby(keys_of(frame))["seed"].agg(lambda each: tuple(sorted(each)))
    assert set(seeds) == {tuple(range(SEEDS))} and len(seeds) == TRIALS[study] // SEEDS


@EACH
def test_a_table_is_of_the_raw_frame(study: str, table: str) -> None:
    found = rows(table)
    num_tables = len(TABLES[study])
    assert len(found) == TRIALS[study] // SEEDS // num_tables
    for row in found:
        trials = trials_of(study, table, row)
        assert len(trials) == SEEDS == int(row["n"])
        for name in (name for name in row if "/" in name):
            if row[name] == "-":
                assert trials[name].isna().all()
                continue
            mean, spread = row[name].split(" ± ")
            decimals = len(mean.partition(".")[2])
            assert mean == f"{trials[name].mean():.{decimals}f}", (name, row)
            assert spread == f"{trials[name].std():.{decimals}f}", (name, row)


@EACH
def test_the_latex_has_the_numbers_of_the_markdown(study: str, table: str) -> None:
    latex = re.sub(r"[{}]", "", (STUDIES / f"{table}.tex").read_text())
    for row in rows(table):
        means = [text.split(" ± ")[0] for name, text in row.items() if "/" in name and text != "-"]
        assert means and all(mean in latex for mean in means)


@BOTH
def test_the_numbers_of_the_text_are_of_the_raw_frame(study: str) -> None:
    module = quoted()
    page = (STUDIES / f"{study}.md").read_text()
    written, prose = page.split(module.START)[1].split(module.END)
    assert written.strip() == module.quoted(frame_of(study))
    tables = "".join((STUDIES / f"{table}.md").read_text() for table in TABLES[study])
    known = set(re.findall(r"\d+\.\d+", written + tables))
    in_text = re.findall(r"(?<!\d)\d+\.\d+", prose)
    assert in_text and not set(in_text) - known, "The text has numbers that no table has."


@BOTH
def test_the_page_is_of_the_same_trials(study: str) -> None:
    page = (STUDIES / f"{study}.html").read_text()
    text = re.sub(r"<[^>]+>", "", page)
    frame = frame_of(study).fillna({"model/balancer": ""})
    assert len(page.encode()) < MAX_PAGE and not re.findall(r"""(?:src|href)=["'](?!#)""", page)
    assert f"{len(frame)} trials: {len(frame)} completed" in text
    best = frame.groupby(keys_of(frame))["val/score_best"].mean().max()
    assert f"val/score_best={best:.6g} over {SEEDS} seeds" in text
    shown = {row["val/score_best"] for table in TABLES[study] for row in rows(table)}
    assert len(shown) > 10 and all(score in text for score in shown)


@BOTH
def test_each_file_that_a_text_links_is_there(study: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (STUDIES / f"{study}.md").read_text())
    assert len(links) > 4 and all((STUDIES / link).exists() for link in links)


@BOTH
def test_no_published_file_tells_of_the_machine_that_made_it(study: str) -> None:
    for path in STUDIES.glob(f"{study}*"):
        assert not re.findall(r"(?<![\w/.])/(?:work|home|root|tmp|Users)/", path.read_text()), path.name
