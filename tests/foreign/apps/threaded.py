"""Writes from a thread that was started by its import, as TensorBoard's writer is, and one that was started later."""

import queue
import threading
from pathlib import Path

import hydra


class Writer(threading.Thread):
    """Writes what it is given into a file."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.lines, self._path = queue.Queue(), Path(path)
        self.start()

    def run(self):
        while (line := self.lines.get()) is not None:
            with self._path.open("a") as file:
                file.write(f"{line}\n")


EARLY = Writer("early.txt")


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    late = Writer("late.txt")
    for writer in (EARLY, late):
        writer.lines.put(cfg.x)
        writer.lines.put(None)
        writer.join(5)
    return float(cfg.x)


if __name__ == "__main__":
    main()
