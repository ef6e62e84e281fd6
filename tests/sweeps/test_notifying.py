"""`study.notify`: what a real HTTP server gets of a study."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import StudyError
from sweeps.notifying import Notifier, address_in
from sweeps.outcome import Failed
from sweeps.redact import override, tree
from sweeps.space import Point
from sweeps.study.records import TrialEnded
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.conftest import Commands, free_port
from tests.studies import done, study_of


class Inbox(ThreadingHTTPServer):
    """Keeps what it gets; answers with the codes in `answers`, then with 200."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[int] = []
        super().__init__(("127.0.0.1", 0), _Post)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/services/T0KEN-abcdef123"


class _Post(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        code = self.server.answers.pop(0) if self.server.answers else 200
        if code == 200:
            self.server.got.append(json.loads(body))
            self.server.paths.append(self.path)
        self.send_response(code)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    made = Inbox()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def end_next(study: Study, outcome: Any) -> TrialEnded:
    claim = study.claim("w", None)
    assert claim is not None and study.tell(claim, outcome)
    return TrialEnded(number=claim.number, outcome=outcome)


def unread(what: str) -> None:
    raise AssertionError(what)


def test_it_is_told_what_failed_what_is_better_and_the_end(tmp_path: Path, inbox: Inbox) -> None:
    study = study_of(tmp_path, [({"x": str(x)}, None) for x in range(4)])
    notifier = Notifier(study, inbox.url, unread)
    for outcome in (done(0.5), done(0.75), Failed(cause="error", detail="ValueError: password=hunter2"), done(0.25)):
        notifier.notice(end_next(study, outcome))
        time.sleep(0.3)
    notifier.close()
    assert [(each["event"], each.get("trial")) for each in inbox.got] == [
        ("improved", 0),
        ("failed", 2),
        ("improved", 3),
        ("done", None),
    ]
    assert inbox.got[2] == {
        "event": "improved",
        "study": "s",
        "text": "s: trial 3 is the best so far: loss=0.25 [x=3]",
        "trial": 3,
        "point": {"x": "3"},
        "values": {"loss": 0.25},
        "counts": {"open": 0, "running": 0, "done": 4, "skipped": 0},
    }
    assert inbox.got[1]["cause"] == "error" and "hunter2" not in json.dumps(inbox.got)
    assert inbox.got[3]["text"] == "s: 4 trials done"


def test_an_end_is_told_once_and_a_limit_is_named(tmp_path: Path, inbox: Inbox) -> None:
    study = study_of(tmp_path, [({"x": "1"}, done(0.5)), ({"x": "2"}, None)])
    study.will.want("end", "study.max_trials=1: 1 trial has ended")
    for _ in range(2):
        Notifier(study, inbox.url, unread).close()
    assert [each["text"] for each in inbox.got] == [
        "s: 1 trial done, 1 point left (study.max_trials=1: 1 trial has ended)"
    ]


def test_a_point_with_replicates_is_better_by_its_mean(tmp_path: Path, inbox: Inbox) -> None:
    study = Study.create(Database(f"sqlite:///{tmp_path}/studies.db"), "s", ["minimize"], {"objective": ["loss"]})
    study.add(
        Point(overrides={"x": x, "seed": s}, varied=("x", "seed"), identity=x + s, cell=x) for x in "ab" for s in "01"
    )
    notifier = Notifier(study, inbox.url, unread)
    for value in (0.5, 0.7, 0.1, 1.3):  # the second point has the best seed, and the worse mean
        notifier.notice(end_next(study, done(value)))
        time.sleep(0.3)
    notifier.close()
    assert [(each["event"], each.get("trial")) for each in inbox.got] == [("improved", 1), ("done", None)]


def test_a_server_that_fails_for_a_moment_is_tried_again(tmp_path: Path, inbox: Inbox) -> None:
    inbox.answers = [503]
    Notifier(study_of(tmp_path, [({"x": "1"}, done(0.5))]), inbox.url, unread).close()
    assert [each["event"] for each in inbox.got] == ["done"]


def test_nobody_waits_for_an_address_and_one_line_says_that_it_takes_nothing(tmp_path: Path, inbox: Inbox) -> None:
    inbox.answers = [404, 404]
    study = study_of(tmp_path, [({"x": str(x)}, None) for x in range(2)])
    warned: list[str] = []
    notifier = Notifier(study, inbox.url, warned.append)
    began = time.monotonic()
    for value in (0.5, 0.25):
        notifier.notice(end_next(study, done(value)))
    assert time.monotonic() - began < 2
    notifier.close()
    assert warned == ["study.notify: a message was not taken (HTTP Error 404: Not Found)"]


def test_what_is_no_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(StudyError) as refused:
        address_in("hooks.example.org/T0KEN")
    assert "T0KEN" not in str(refused.value) and "http://" in str(refused.value)


def test_an_address_is_a_secret_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://hooks.example.org/services/T0/B0/abcdefgh"
    assert override(f"study.notify={url}") == "study.notify=***"
    assert tree({"study": {"notify": url}}) == {"study": {"notify": "***"}}
    assert override("notify=true") == "notify=true" and override("trainer.notify=ann") == "trainer.notify=ann"
    monkeypatch.setenv("SWEEPS_NOTIFY", url)
    assert address_in(None) == url and address_in("http://other.example.org/x/yz") == "http://other.example.org/x/yz"


@pytest.mark.parametrize("way", ["key", pytest.param("environment", marks=pytest.mark.slow)])
def test_a_sweep_posts_and_keeps_the_address_nowhere(way: str, commands: Commands, inbox: Inbox) -> None:
    given = [f"study.notify={inbox.url}"] if way == "key" else []
    if way == "environment":
        commands.environment["SWEEPS_NOTIFY"] = inbox.url
    done_ = commands.run("fake", "-m", "x=1,2", "study.name=s", f"tracking.uri=sqlite:///{free_port()}.db", *given)
    assert done_.returncode == 0, done_.stderr
    assert [each["event"] for each in inbox.got][-1] == "done" and "improved" in [each["event"] for each in inbox.got]
    assert set(inbox.paths) == {"/services/T0KEN-abcdef123"}
    told = done_.stdout + done_.stderr
    for path in (path for path in commands.folder.rglob("*") if path.is_file()):
        told += path.read_bytes().decode(errors="replace")
    assert "T0KEN" not in told
