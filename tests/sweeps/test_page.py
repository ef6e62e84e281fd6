"""The page of a study: what it says, what it is made of, and how it looks in a real browser."""

import os
import random
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sweeps.outcome import Failed, Pruned
from sweeps.report.page.document import page_of
from sweeps.report.page.rows import table_fragment
from sweeps.space import Point
from sweeps.study.storage import Database
from sweeps.study.study import Study
from sweeps.tracking.found import findings_of
from sweeps.tracking.reported import keep_report, kept_report
from sweeps.trial.files import StudyFiles
from sweeps.trial.journal import Journal
from sweeps.trial.ownership import own_study, own_trial
from tests.conftest import wait_for
from tests.studies import done, ended_at_once, weight_study

NASTY = "<script>alert(1)</script>&$x$"
MB = 2**20
HEIGHTS = """
return [...document.querySelectorAll("figure svg text")].map(
    text => [text.getBoundingClientRect().height, text.textContent])
"""
"""The texts of the pictures, each behind its height in pixels."""


def study_in(folder: Path, name: str = "s") -> Study:
    """Two models, three weights and three seeds with curves; one trial has failed and one was pruned."""
    directory = folder / "studies" / name
    facts = {"objective": ["val/acc_best"], "directory": str(directory), "arguments": ["model=dense,cnn", f"x={NASTY}"]}
    study = Study.create(Database(f"sqlite:///{folder}/studies.db"), name, ["maximize"], facts)
    study.remember("command", {"origin": {"source": "train.py", "commit": "c0ffee", "is_dirty": True}})
    study.remember("metric_directions", {"test/<b>a</b>": "max", "test/b_mae": "min"})
    own_study(StudyFiles(directory), name, study.facts["key"])
    cells = [(model, weight, seed) for model in ("dense", "cnn") for weight in ("0.5", "1", "2") for seed in "012"]
    study.add(
        Point(overrides={"x": "7", "model": m, "w.a": w, "seed": s}, varied=("model", "w.a", "seed"))
        for m, w, s in cells
    )
    for number, (model, weight, seed) in enumerate(cells):
        claim = study.claim("host:m:1:x", None)
        assert claim is not None
        files = StudyFiles(directory).trial(number)
        own_trial(files, claim.point.key)
        journal = Journal(files.directory)
        journal.event("attempt", attempt=1, versions={"torch": "9.9"}, device=NASTY)
        acc = 0.5 + 0.3 * (model == "cnn") - 0.1 * float(weight) + 0.01 * int(seed)
        for epoch in range(3):
            journal.log({"val/acc": acc - 0.1 * (2 - epoch), "epoch": epoch}, 10 * (epoch + 1))
        metrics = {"test/<b>a</b>": acc, "test/b_mae": 2 - float(weight) / 2, "num_parameters": 100.0 * len(model)}
        study.tell(claim, done(acc, metrics=metrics, duration_s=2.0))
    study.add([Point(overrides={"x": "7", "model": "vit", "w.a": str(i)}, varied=("model",)) for i in range(2)])
    failed = Failed(cause="error", detail=f"ValueError: {NASTY}", log_tail=f"Traceback\n{NASTY}", duration_s=1.0)
    for outcome in (failed, Pruned(values=(0.25,), duration_s=1.0)):
        claim = study.claim("host:m:1:x", None)
        assert claim is not None
        study.tell(claim, outcome)
    return study


def written(folder: Path, *studies: Study) -> str:
    with findings_of(studies) as findings:
        page = page_of(findings)
    (folder / "page.html").write_bytes(page)
    return page.decode()


class Words(HTMLParser):
    """The texts and tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_has_all_parts_as_text_and_needs_no_other_file(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    page = written(tmp_path, study)
    words = Words(page)
    whole = " ".join(" ".join(words.texts).split())
    for told in (
        "20 trials: 18 completed, 1 failed, 1 pruned. 0:38 of compute. Maximizes val/acc_best.",
        *("Learning curves", "Metrics against swept numbers", "Trade-offs", "Parallel coordinates", "What it costs"),
        *("Importance of the keys", "Workers and slots", "Trials without a result"),
        *("1 trial failed (error), 1 trial pruned.", "stopped at 0.25"),
        *(f"error: ValueError: {NASTY}", f"Traceback {NASTY}", "c0ffee (with changes that are not committed)"),
        *("torch 9.9", "0.760 ± 0.010"),
    ):
        assert told in whole, told
    assert "Critical differences" not in whole and f"x={NASTY}" in whole
    assert "script" not in words.tags and "link" not in words.tags and "img" not in words.tags
    assert all(link.startswith("#") for link in words.links) and len(page) < MB
    # The best cell of three seeds: mean 0.76, in the SVG as a name and in the table as the best.
    assert (
        "model=cnn a=0.5" in words.texts and "test/<b>a</b>" in words.texts and "<strong>0.760 ± 0.010</strong>" in page
    )
    for key in re.findall(r"var\((--[a-z0-9-]+)\)", page):
        assert f"{key}:" in page, key


def test_the_table_of_the_page_has_the_marks_of_the_study(tmp_path: Path) -> None:
    with findings_of([weight_study(tmp_path)]) as findings:
        made = table_fragment(findings)
    assert made is not None and made.count("<tr") == 19 and "ins>" not in made
    assert "<strong>0.738 ± 0.014</strong>" in made and "<u>0.713 ± 0.015</u>" in made


def test_several_studies_have_one_page(tmp_path: Path) -> None:
    studies = [study_in(tmp_path, name) for name in ("one", "two")]
    whole = " ".join(" ".join(Words(written(tmp_path, *studies)).texts).split())
    assert "Studies one, two 40 trials: 36 completed, 2 failed, 2 pruned." in whole
    assert "study=one" in whole and "study=two" in whole and "two 18" in whole


def test_a_study_that_has_not_begun_has_a_page(tmp_path: Path) -> None:
    facts = {"objective": ["acc"], "directory": str(tmp_path)}
    study = Study.create(Database(f"sqlite:///{tmp_path}/studies.db"), "new", ["maximize"], facts)
    study.add([Point(overrides={"x": "1"}, varied=("x",))])
    page = written(tmp_path, study)
    assert "1 trial: 1 open." in page and "No trial has ended." in page and "<svg" not in page


def seen(browser: Any, folder: Path, width: int, mode: str) -> dict[str, Any]:
    media = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(f"file://{folder}/page.html")
    # Seen once, on a busy machine: right after the page was loaded, a text had no height yet.
    wait_for(lambda: all(height for height, _ in browser.execute_script(HEIGHTS)))
    found: dict[str, Any] = browser.execute_script("""
        const style = element => getComputedStyle(element);
        const texts = [...document.querySelectorAll("figure svg text")];
        const line = document.querySelector("figure svg path[style*='--series-0']");
        return {
            page: [document.documentElement.scrollWidth, document.documentElement.clientWidth],
            paper: style(document.body).backgroundColor,
            text: style(texts[0]).fill,
            line: style(line).stroke,
            outside: texts.filter(text => {
                const place = text.getBoundingClientRect(), frame = text.ownerSVGElement.getBoundingClientRect();
                return place.left < frame.left - 1 || place.right > frame.right + 1;
            }).map(text => text.textContent),
            fetched: performance.getEntriesByType("resource").map(entry => entry.name),
            says: document.body.innerText,
        };
    """)
    return {**found, "smallest": min(browser.execute_script(HEIGHTS))}


def test_the_page_reads_well_wide_and_narrow_light_and_dark(tmp_path: Path, browser: Any) -> None:
    written(tmp_path, study_in(tmp_path))
    for width in (1280, 390):
        for mode, paper, ink, line in (
            ("light", "rgb(255, 255, 255)", "rgb(26, 26, 27)", "rgb(0, 114, 178)"),
            ("dark", "rgb(20, 23, 28)", "rgb(232, 233, 236)", "rgb(86, 180, 233)"),
        ):
            found = seen(browser, tmp_path, width, mode)
            assert found["page"][0] == found["page"][1] <= width, (width, mode)
            assert (found["paper"], found["text"], found["line"]) == (paper, ink, line)
            assert found["smallest"] >= [8] and found["outside"] == [] and found["fetched"] == []
            assert "0.760 ± 0.010" in found["says"]


@pytest.mark.slow
def test_ten_thousand_trials_have_a_page_of_less_than_a_megabyte_in_seconds(tmp_path: Path) -> None:
    facts = {"objective": ["acc", "cost"], "directory": str(tmp_path)}
    study = Study.create(Database(f"sqlite:///{tmp_path}/studies.db"), "big", ["maximize", "minimize"], facts)
    draw = random.Random(0)
    drawn = [{"lr": f"{10 ** draw.uniform(-4, -1):.6g}", "model": draw.choice(["a", "b", "c"])} for _ in range(10_000)]
    points = [Point(overrides={**one, "seed": str(i)}, varied=("lr", "model")) for i, one in enumerate(drawn)]
    outcomes = [
        Failed(cause="crash", detail="x") if i % 50 == 0
        else done(draw.random(), draw.random(), metrics={f"test/m{k}": draw.random() for k in range(8)})
        for i in range(10_000)
    ]  # fmt: skip
    ended_at_once(study, points, outcomes)
    began = time.process_time()
    page = written(tmp_path, study)
    took_s = time.process_time() - began
    assert "10000 trials: 9,800 completed, 200 failed." in page and "The first 50 are listed." in page
    assert len(page) < MB and took_s < 20, (len(page), took_s)


def test_a_finished_study_keeps_its_page_and_a_fault_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, told = study_in(tmp_path), list[str]()
    files = StudyFiles(tmp_path / "studies" / "s")
    assert keep_report(study, files, told.append) == files.page
    assert "Learning curves" in files.page.read_text() and told == []
    plots = {"curves", "effects", "pareto", "parallel", "importance", "cost", "timeline"}
    assert {path.stem for path in files.plots.iterdir()} == plots
    names = [name for name, _ in kept_report(study, StudyFiles(tmp_path / "elsewhere"))]
    assert names == ["report.html", *(f"plots/{kind}.svg" for kind in sorted(plots))]
    os.utime(files.page, (0, 0))  # another machine has gone on since
    assert list(kept_report(study, files)) == []
    monkeypatch.setattr("sweeps.report.page.document.page_of", lambda *_: 1 / 0)
    assert keep_report(study, files, told.append) is None
    assert told == ["the study's page was not written: ZeroDivisionError: division by zero"]
    monkeypatch.setattr("sweeps.tracking.reported.find_spec", lambda name: None)
    assert keep_report(study, files, told.append) is None and len(told) == 1
