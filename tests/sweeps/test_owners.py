import os

from sweeps.owners import host_of, is_known_dead, machine, new_worker_id


def test_a_worker_of_this_machine_that_lives_is_not_known_dead() -> None:
    worker = new_worker_id()
    assert worker.split(":")[1:3] == [machine(), str(os.getpid())]
    assert not is_known_dead(worker) and new_worker_id() != worker


def test_only_a_process_of_this_machine_can_be_known_dead() -> None:
    no_process = 2**22 + 1  # above the highest process id
    assert is_known_dead(f"host:{machine()}:{no_process}:cafe")
    assert not is_known_dead(f"host:00000000:{no_process}:cafe")
    assert not is_known_dead("w")


def test_the_host_is_the_first_part_of_a_workers_name() -> None:
    assert (host_of("node7:9b6c:12:cafe"), host_of("w"), host_of("")) == ("node7", "w", "")
