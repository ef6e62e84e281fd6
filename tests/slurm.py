"""A real Slurm on this machine: a controller and nodes, in a folder and on ports of their own."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.conftest import free_port, wait_for

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")

CONFIGURATION = """
ClusterName=sweeps
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdTimeout=10
KillWait=20
SchedulerParameters=batch_sched_delay=1,sched_interval=5
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def lack() -> str | None:
    """Why there can be no Slurm here; None where there can."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        return f"Slurm is not installed ({', '.join(missing)}): apt-get install slurm-wlm munge"
    return None if os.getuid() == 0 else "only root starts the nodes of a Slurm"


class Slurm:
    """One controller and nodes of two cores each.

    Args:
        names: Of the nodes.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
        self.environment = {"SLURM_CONF": str(self.folder / "slurm.conf")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("state", "munge"):
            (self.folder / name).mkdir(mode=0o755)
        self.folder.chmod(0o755)
        host = os.uname().nodename
        address = f"NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2"
        nodes = "\n".join(f"NodeName={name} {address} Port={free_port()}" for name in names)
        text = CONFIGURATION.format(host=host, port=free_port(), folder=self.folder, nodes=nodes)
        (self.folder / "slurm.conf").write_text(text)
        self._start_munge()
        self._start("slurmctld", "slurmctld", "-D", "-c")
        for name in names:
            self._start(name, "slurmd", "-D", "-N", name)
        wait_for(lambda: self.run("sinfo", "-h", "-o", "%D %t").split() == [str(len(names)), "idle"], timeout_s=60)

    def run(self, *command: str, **variables: str) -> str:
        done = subprocess.run(
            command, env={**os.environ, **self.environment, **variables}, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0 or command[0] == "sinfo", done.stderr
        return done.stdout.strip()

    def states(self) -> list[str]:
        """What the jobs in the queue do."""
        return self.run("squeue", "-h", "-r", "-o", "%T").split()

    def kill(self, node: str) -> None:
        """As a machine that loses its power: daemon, steps and all that runs in them."""
        step = [p for p in psutil.process_iter(["name"]) if p.info["name"] == "slurmstepd"]
        own = [p for p in psutil.process_iter() if _variable(p, "SLURMD_NODENAME") == node]
        parents = {p.ppid() for p in own}
        for process in (self._processes[node], *own, *(p for p in step if p.pid in parents)):
            process.kill()

    def close(self) -> None:
        subprocess.run(["scancel", "--user=root"], env={**os.environ, **self.environment}, timeout=30, check=False)
        deadline = time.monotonic() + 30
        while self.states() and time.monotonic() < deadline:
            time.sleep(0.5)
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_munge(self) -> None:
        folder = self.folder / "munge"
        subprocess.run(["/usr/sbin/mungekey", "--create", f"--keyfile={folder}/key"], check=True)
        places = {"socket": "socket", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={folder}/{name}" for option, name in places.items()]
        self._start("munged", "munged", "--foreground", "--force", *options)
        wait_for(lambda: (folder / "socket").exists())

    def _start(self, name: str, program: str, *arguments: str) -> None:
        path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
        with (self.folder / f"{name}.out").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [str(path), *arguments], env={**os.environ, **self.environment}, stdout=log, stderr=log
            )


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        return process.environ().get(name)
    except psutil.Error:
        return None
