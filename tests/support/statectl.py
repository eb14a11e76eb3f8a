"""Runs the real `statectl`: to its end, beside the test, or on a terminal of its own."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

import server

STATECTL = server.BUILD / "bin" / "statectl"
LIMIT_S = 100


def environment(**extra):
    """One without anything that configures stated, statectl or colours."""
    names = ("STATECTL_", "STATED_", "NO_COLOR", "TERM")
    plain = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return {**plain, **extra}


class Done:
    """What a run came to; out is bytes, said is what it wrote to standard error."""

    def __init__(self, status, out, said):
        self.status = status
        self.out = out
        self.said = said

    def __repr__(self):
        return f"status {self.status}, out {self.out[:2000]!r}, said {self.said[:2000]!r}"


def run(*arguments, stdin=b"", **extra):
    """Runs it to its end; extra is for its environment."""
    done = subprocess.run([str(STATECTL), *map(as_path, arguments)], input=stdin,
                          check=False, capture_output=True, timeout=LIMIT_S,
                          env=environment(**extra))
    return Done(done.returncode, done.stdout, done.stderr.decode())


def as_path(argument):
    return argument if isinstance(argument, (str, bytes)) else str(argument)


def start(*arguments, stdout=subprocess.PIPE, **options):
    """Starts it beside the test: a Popen, its output and errors in pipes."""
    return subprocess.Popen([str(STATECTL), *map(as_path, arguments)], stdout=stdout,
                            stderr=subprocess.PIPE, env=environment(), **options)


class Terminal:
    """A run on a terminal: standard input, output and errors are one."""

    def __init__(self, *arguments, columns=80, **extra):
        self.shown = b""
        line = ["statectl", *map(as_path, arguments)]
        variables = {"TERM": "xterm", **environment(**extra)}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                os.execve(STATECTL, line, variables)
            finally:
                os._exit(127)

    def read(self):
        """More of what it shows; False at its end."""
        if not select.select([self.fd], [], [], LIMIT_S)[0]:
            raise AssertionError(f"nothing shown for {LIMIT_S} s after {self.shown!r}")
        try:
            more = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        self.shown += more
        return bool(more)

    def wait_for(self, text, times=1):
        bound = time.monotonic() + LIMIT_S
        while self.shown.count(text) < times:
            if not self.read() or time.monotonic() > bound:
                raise AssertionError(f"{text!r} was not shown {times} times in {self.shown!r}")

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        """(exit status, all that it has shown)."""
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), self.shown


def run_on_terminal(*arguments, **options):
    return Terminal(*arguments, **options).end()
