"""Pages whose blocks are run: what a page holds, and a shell that finds this project first."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import BIN

_BLOCK = re.compile(r"^ *```(\w+)(?: ([\w./]+))?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: commands (`sh`, with a label where they need something), or a file and its name."""

    section: str
    language: str
    name: str
    body: str

    @property
    def lines(self) -> list[str]:
        return [line.strip() for line in self.body.splitlines() if line.strip()]


class Page:
    """A page of Markdown."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text()
        self.blocks = list(_blocks(self.text))

    def commands(self, label: str = "") -> list[str]:
        return [line for block in self.blocks if (block.language, block.name) == ("sh", label) for line in block.lines]

    def files(self) -> dict[str, str]:
        return {block.name: block.body for block in self.blocks if block.language != "sh"}

    def labels(self) -> set[str]:
        return {block.name for block in self.blocks if block.language == "sh"}


def _blocks(text: str) -> Iterator[Block]:
    for part in re.split(r"^## ", text, flags=re.MULTILINE):
        section = part.partition("\n")[0]
        for language, name, body in _BLOCK.findall(part):
            yield Block(section=section, language=language, name=name, body=body)


def environment(folder: Path) -> dict[str, str]:
    unset = ("SWEEPS_STORAGE", "MLFLOW_TRACKING_URI", "SWEEPS_DATA_DIR", "HYDRA_FULL_ERROR")
    kept = {key: value for key, value in os.environ.items() if key not in unset}
    # The copy is found before the installed project.
    return {**kept, "PATH": f"{BIN}:{kept['PATH']}", "PYTHONPATH": str(folder)}


def shell(line: str, folder: Path, timeout: float = 280, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env={**environment(folder), **variables},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
