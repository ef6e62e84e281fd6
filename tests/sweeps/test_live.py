"""What a terminal shows of a study: read from the screen of a terminal in memory."""

import io
from pathlib import Path

import pyte
from rich.console import Console

from sweeps.outcome import Completed
from sweeps.report.live import Seen, live_view
from sweeps.space import Point
from sweeps.study.feed import Feed
from sweeps.study.records import AGE, DONE
from sweeps.study.study import Study
from tests.studies import done, ended_at_once, study_of


def screen(study: Study, elapsed_s: float = 30.0, columns: int = 80, lines: int = 24) -> list[str]:
    """The lines that are seen, without trailing blanks."""
    feed = Feed(study.database, study.facts["key"])
    feed.look()
    seen = Seen(study=study, trials=feed.trials, ended=feed.ended, now=study.look(), elapsed_s=elapsed_s)
    out = io.StringIO()
    console = Console(file=out, width=columns, height=lines, force_terminal=True)
    console.print(live_view(seen, columns, lines), end="")
    terminal = pyte.Screen(columns, lines)
    pyte.Stream(terminal).feed(out.getvalue().replace("\n", "\r\n"))
    return [line.rstrip() for line in terminal.display if line.strip()]


def running(study: Study, age_s: float, part: float | None = None, **metrics: float) -> None:
    claim = study.claim("w", None)
    assert claim is not None
    study.beat(claim, {**metrics, AGE: age_s, **({} if part is None else {DONE: part})})


def test_the_bar_the_trials_their_time_and_the_best_fit_eighty_columns(tmp_path: Path) -> None:
    long = "model.net.a_very_long_name_of_a_key_that_nobody_would_type"
    points = [({"model": name, long: value}, None) for name in ("cnn", "vit") for value in ("0.1", "0.2", "0.3")]
    first = [(points[0][0], done(0.5, duration_s=20.0)), (points[1][0], done(0.25, duration_s=24.0))]
    study = study_of(tmp_path, [*first, *points[2:]])
    running(study, 11.0, loss=0.75)
    running(study, 10.0, 0.25, loss=0.9, epoch=3.0)
    assert screen(study) == [
        "trial  state      done  left    last",
        "    2  running          0:11  0.7500  model=cnn model.net.a_very_long_name_of_a…",
        "    3  running    25 %  0:30  0.9000  model=vit model.net.a_very_long_name_of_a…",
        "    1  completed              0.2500  model=cnn model.net.a_very_long_name_of_a…",
        "    0  completed              0.5000  model=cnn model.net.a_very_long_name_of_a…",
        "    4  open                           model=vit model.net.a_very_long_name_of_a…",
        "    5  open                           model=vit model.net.a_very_long_name_of_a…",
        "━" * 24 + "─" * 50 + "  33 %",
        "2 of 6 done, 2 running, 0:30, about 1:00 left",
        "Best: trial 1, loss 0.2500: model=cnn model.net.a_very_long_name_of_a_key_that_…",
    ]


def test_what_does_not_fit_is_counted_and_the_status_is_always_seen(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": str(i)}, done(float(i)) if i < 50 else None) for i in range(60)])
    shown = screen(study, lines=12)
    assert len(shown) <= 12 and shown[-4:] == [
        "... and 54 more",
        "━" * 61 + "─" * 13 + "  83 %",
        "50 of 60 done, 0:30",
        "Best: trial 0, loss 0.0000: x=0",
    ]
    assert shown[1].split()[:2] == ["49", "completed"]  # what has ended last


def test_a_study_that_is_paused_says_so_and_names_no_time(tmp_path: Path) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(0.5)), ({"x": "2"}, None)])
    study.will.want("pause", "sweeps pause, by ann on host")
    assert "1 of 2 done, 0:30, paused: sweeps pause, by ann on host" in screen(study)


def test_ten_thousand_trials_are_read_once(tmp_path: Path) -> None:
    study = study_of(tmp_path, [])
    points = [Point(overrides={"x": str(i)}, varied=("x",)) for i in range(2000)]
    ended_at_once(study, points[:1900], [Completed(values=(1.0,), duration_s=1.0)] * 1900)
    study.add(points[1900:])
    feed = Feed(study.database, study.facts["key"])
    assert len(feed.look()) == 2000 and len(feed.ended) == 1900
    claim = study.claim("w", None)
    assert claim is not None and claim.number in (changed := feed.look()) and len(changed) < 200
    study.tell(claim, done(0.5))
    assert claim.number in feed.look() and feed.trials[claim.number].state == "completed"
    assert max(feed.ended, key=lambda number: feed.ended[number]) == claim.number
    assert list(feed.trials) == list(range(2000))
