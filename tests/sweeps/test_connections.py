"""How many connections to a server a process has."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy.engine import make_url

from sweeps.errors import StorageError
from sweeps.outcome import Completed
from sweeps.study.storage import Database
from sweeps.study.study import Study
from tests.sweeps.test_mirror import grid


@contextmanager
def counted(url: str) -> Iterator[list[int]]:
    """The numbers of connections to the database that others had, meanwhile."""
    found: list[int] = []
    is_over = threading.Event()
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    query += " AND backend_type = 'client backend'"  # not the server's own, such as autovacuum

    def count() -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            while not is_over.wait(0.002):
                found.append(connection.execute(query).fetchone()[0])  # type: ignore[index]

    thread = threading.Thread(target=count)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()


def work(study: Study, name: str) -> int:
    num_done = 0
    while (claim := study.claim(name, None)) is not None:
        with study.database.lock("points"):
            assert study.beat(claim, {})
        num_done += study.tell(claim, Completed(values=(1.0,)))
        study.trials()
        study.mirror()
    return num_done


def test_all_threads_of_a_process_share_one_connection(postgres_url: str) -> None:
    Database(postgres_url).engine.dispose()  # makes the tables
    with counted(postgres_url) as found:
        database = Database(postgres_url)
        study = Study.create(database, "s", ["maximize"], {"objective": ["loss"]})
        study.add(grid(x=[str(i) for i in range(40)]))
        studies = [Study(database, "s") for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            done = list(threads.map(work, studies, "abcd"))
    assert sum(done) == 40 and max(found) == 1
    assert len(Study(database, "s").trials()) == 40


def test_a_lock_excludes_other_processes_and_ends_with_its_connection(postgres_url: str) -> None:
    one, other = Database(postgres_url), Database(postgres_url)
    order: list[str] = []

    def wait() -> None:
        with other.lock("points"):
            order.append("other")

    waiting = threading.Thread(target=wait)
    with one.lock("points"):
        assert one.study_names() == []  # the connection that holds the lock serves what is done under it
        waiting.start()
        time.sleep(0.3)
        order.append("one")
    waiting.join(timeout=10)
    assert order == ["one", "other"]
    with one.lock("points"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.3)
        one.engine.dispose()  # as if its process were killed
        waiting.join(timeout=10)
        assert order == ["one", "other", "other"]


def test_a_server_without_a_free_connection_is_waited_for_at_the_start(postgres_url: str) -> None:
    role = f"crowded{abs(hash(postgres_url))}"
    database = make_url(postgres_url).database
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 2 PASSWORD 'x'")
        connection.execute(f'ALTER DATABASE "{database}" OWNER TO {role}')
    url = make_url(postgres_url).set(username=role, password="x").render_as_string(hide_password=False)
    Database(postgres_url).engine.dispose()
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    taken = [psycopg.connect(url) for _ in range(2)]
    threading.Timer(2.0, taken[0].close).start()
    began = time.monotonic()
    assert Database(url).study_names() == []
    assert 1.9 < time.monotonic() - began < 20
    absent = make_url(postgres_url).set(database="absent").render_as_string(hide_password=False)
    with pytest.raises(StorageError, match='database "absent" does not exist'):  # at once
        Database(absent)
    assert time.monotonic() - began < 25
    taken[1].close()
