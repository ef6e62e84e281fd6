"""Starts a process, and hands SIGTERM on to it, which notes how often it has heard it."""

import signal
import subprocess
import sys
import time

import hydra

CHILD = """
import pathlib, signal, sys, time
heard = []
signal.signal(signal.SIGTERM, lambda *args: heard.append(1))
pathlib.Path("ready.txt").write_text("")
while not heard:
    time.sleep(0.02)
time.sleep(1)
pathlib.Path("heard.txt").write_text(str(len(heard)))
"""


@hydra.main(config_path=None, version_base=None)
def main(cfg):
    child = subprocess.Popen([sys.executable, "-c", CHILD])

    def hand_on(number, frame):
        time.sleep(0.3)  # what was sent to both has arrived
        child.send_signal(number)
        child.wait()
        sys.exit(143)

    signal.signal(signal.SIGTERM, hand_on)
    while True:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
