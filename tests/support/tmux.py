"""A real terminal to type into and to look at: a `tmux` of its own, on a private socket."""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import statectl

LIMIT_S = 60
POLL_S = 0.02
CONFIGURATION = """
set -g remain-on-exit on
set -g default-terminal screen-256color
set -g status off
set -s escape-time 0
"""


def require(*programs):
    """Ends a test that cannot run here as skipped, and says why."""
    for program in programs:
        if shutil.which(program) is None:
            print(f"skipped: there is no {program}; tools/dependencies names its package")
            sys.exit(77)


class Tmux:
    """with Tmux("bash", "--norc") as screen: screen.type("ls\\n"); screen.wait_for("README")"""

    def __init__(self, *command, columns=100, rows=30, **variables):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stated-tmux-"))
        configuration = self.folder / "conf"
        configuration.write_text(CONFIGURATION, encoding="ascii")
        self.start = ["new-session", "-d", "-x", str(columns), "-y", str(rows), "--",
                      *map(str, command)]
        self.environment = statectl.environment(LC_ALL="C.UTF-8", HOME=str(self.folder),
                                                XDG_STATE_HOME=str(self.folder / "state"),
                                                **variables)
        self.program = ["tmux", "-u", "-S", str(self.folder / "socket"), "-f", str(configuration)]

    def __enter__(self):
        self.run(*self.start)
        return self

    def __exit__(self, *_):
        subprocess.run([*self.program, "kill-server"], check=False, capture_output=True,
                       timeout=LIMIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *words):
        done = subprocess.run([*self.program, *words], check=False, capture_output=True,
                              timeout=LIMIT_S, env=self.environment)
        if done.returncode != 0:
            raise AssertionError(f"tmux {words}: {done.stderr.decode()}")
        return done.stdout.decode()

    def type(self, text):
        """Types the text; a newline is the key Enter, a tab the key Tab."""
        for part in re.split("([\n\t])", text):
            if part in ("\n", "\t"):
                self.press("Enter" if part == "\n" else "Tab")
            elif part:
                self.run("send-keys", "-l", "--", part)

    def press(self, *keys):
        """Presses keys by their tmux names: C-c, Up, Tab."""
        self.run("send-keys", *keys)

    def shown(self, colours=False):
        """The lines on the screen, without what is empty at the end."""
        return self.run("capture-pane", "-p", *(["-e"] if colours else [])).rstrip("\n")

    def wait_for(self, pattern, colours=False, limit_s=LIMIT_S):
        """Waits until the regular expression is found on the screen; its match."""
        bound = time.monotonic() + limit_s
        while True:
            shown = self.shown(colours)
            found = re.search(pattern, shown, re.MULTILINE)
            if found:
                return found
            if time.monotonic() > bound:
                raise AssertionError(f"not within {limit_s} s: {pattern!r} in\n{shown}")
            select.select([], [], [], POLL_S)

    def wait_for_end(self):
        """The exit status of the command; less than 0 = the signal that ended it."""
        bound = time.monotonic() + LIMIT_S
        while True:
            dead, status, number, tmux = self.run(
                "display-message", "-p",
                "#{pane_dead}:#{pane_dead_status}:#{pane_dead_signal}:#{pid}").strip().split(":")
            if dead == "1" and (status or number):  # the terminal may end before the command
                return int(status) if status else -int(number)
            if dead == "1":  # tmux can be left waiting for a signal about an end that it missed
                os.kill(int(tmux), signal.SIGCHLD)
            if time.monotonic() > bound:
                raise AssertionError(f"still runs after {LIMIT_S} s:\n{self.shown()}")
            select.select([], [], [], POLL_S)
