"""A task that no other process can have: it holds a lock."""

import threading

import hydra


class Task:
    def __init__(self):
        self.lock = threading.Lock()

    def __call__(self, cfg):
        return 1.0


if __name__ == "__main__":
    hydra.main(config_path=None, version_base=None)(Task())()
