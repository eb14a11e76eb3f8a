"""Starts real `stated` programs, each in a private directory, and waits for what they do."""

import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import sp

BUILD = pathlib.Path(os.environ["STATED_BUILD"])
SANITIZED = bool(os.environ.get("STATED_SANITIZE"))
STATED = BUILD / "bin" / "stated"
START_S = 30
STOP_S = 60
# Ports are free when chosen, but another process may be faster.
START_TRIES = 5


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(endpoint):
    """Whether a server takes connections there; its socket has a path a moment before it does."""
    try:
        sp.Connection(endpoint, START_S).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    return True


def clean_environment():
    """The environment without anything that configures stated."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STATED_")}


class Directory:
    """A private directory that goes away, also when the test fails."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="stated-test-"))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Process:
    """A started `stated`, ready or not. Its standard error goes to a file."""

    def __init__(self, directory, arguments, program=STATED):
        self.log_path = directory / f"stated-{time.monotonic_ns()}.log"
        with open(self.log_path, "wb") as log:
            self.popen = subprocess.Popen([str(program), *map(str, arguments)],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=clean_environment())
        self.pid = self.popen.pid
        self.pidfd = os.pidfd_open(self.pid)
        self.ended = select.poll()
        self.ended.register(self.pidfd, select.POLLIN)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def signal(self, number):
        self.popen.send_signal(number)

    def has_ended(self, within_s=0.0):
        return bool(self.ended.poll(within_s * 1000))

    def wait(self, within_s=STOP_S):
        """Its exit status; fails when it is still there after within_s."""
        if not self.has_ended(within_s):
            raise AssertionError(f"stated {self.pid} still runs after {within_s} s:\n{self.log()}")
        return self.popen.wait()

    def wait_until(self, condition, what, within_s=START_S):
        """Waits until condition() is true; fails when the program ends or the time does."""
        bound = time.monotonic() + within_s
        while not condition():
            if self.has_ended(0.01):
                raise AssertionError(f"stated ended with {self.wait()} before {what}:\n{self.log()}")
            if time.monotonic() > bound:
                raise AssertionError(f"not within {within_s} s: {what}:\n{self.log()}")

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"no VmRSS for {self.pid}")

    def end(self):
        """Whatever happened: not there any more after this. Fails for what a sanitizer found."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        os.close(self.pidfd)
        log = self.log()
        if "Sanitizer" in log or "runtime error:" in log:
            raise AssertionError(log)


class Server:
    """A `stated` that serves on ipc and tcp, in a directory of its own unless given one.

    with Server() as server: ... server.client("tcp") ...
    """

    def __init__(self, *arguments, directory=None, program=STATED):
        self.arguments = arguments
        self.program = program
        self.own = None if directory else Directory()
        self.directory = pathlib.Path(directory) if directory else self.own.path
        self.data = self.directory / "data"
        self.ipc = f"ipc://{self.directory}/stated.sock"
        self.tcp = None
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self.process is not None:
            if kind is not None:
                print(f"--- log of stated {self.process.pid}\n{self.process.log()}---", flush=True)
            self.process.end()
        if self.own is not None:
            self.own.__exit__(kind, None, None)

    def start(self):
        """Starts it, again after a stop or kill, and waits until it answers."""
        for attempt in range(START_TRIES):
            self.tcp = f"tcp://127.0.0.1:{free_port()}"
            if self.process is not None:
                self.process.end()
            self.process = Process(self.directory, [
                "--listen", self.ipc, "--listen", self.tcp, "--data-dir", self.data,
                *self.arguments], self.program)
            try:
                self.process.wait_until(self.answers, "it answered")
                return
            except AssertionError as failure:
                if "in use" not in str(failure) or attempt == START_TRIES - 1:
                    raise

    def answers(self, transports=("ipc", "tcp")):
        """Whether a fresh connection gets an answer, on each transport."""
        try:
            for transport in transports:
                with self.client(transport, timeout_s=2) as client:
                    client.health()
        except (OSError, sp.RpcError):
            return False
        return True

    def endpoint(self, transport="ipc"):
        return self.ipc if transport == "ipc" else self.tcp

    def client(self, transport="ipc", timeout_s=sp.TIMEOUT_S):
        return sp.Client(self.endpoint(transport), timeout_s)

    def stop(self, number=signal.SIGTERM):
        """Asks it to stop; its exit status."""
        self.process.signal(number)
        return self.process.wait()

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.wait()


class ServedTestCase(unittest.TestCase):
    """Tests that share one server. One that ends it fails, and the next one gets another."""

    server = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def tearDown(self):
        process = self.server.process
        if process.has_ended():
            status, log = process.wait(), process.log()
            self.server.start()
            self.fail(f"the server ended with {status}:\n{log}")
