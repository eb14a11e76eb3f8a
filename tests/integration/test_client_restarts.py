"""Are a client's outcomes true while its server is killed, or stopped, and started again under load?

usage: test_client_restarts.py [RESTARTS]
"""

import subprocess
import sys
import unittest

import server

RESTARTS = 6
PROGRESS = 100
PATIENCE_S = 60


class Load:
    """The program that writes, and what it says."""

    def __init__(self, endpoint):
        self.popen = subprocess.Popen([str(server.BUILD / "tests" / "client_restarts"), endpoint],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)

    def acknowledged(self):
        line = self.popen.stdout.readline()
        if not line:
            raise AssertionError(f"the client ended: {self.popen.communicate()[1]}")
        return int(line)

    def wait_for_progress(self):
        """Until more writes have been acknowledged; the program reports by time, so this ends."""
        target = self.acknowledged() + PROGRESS
        for _ in range(PATIENCE_S * 1000 // 20):
            if self.acknowledged() >= target:
                return
        raise AssertionError("the client does not get on")

    def finish(self):
        _, said = self.popen.communicate(timeout=10 * PATIENCE_S)
        print(said, flush=True)
        return self.popen.returncode


class ClientRestarts(unittest.TestCase):
    def run_load(self, transport, end):
        with server.Server() as running:
            load = Load(running.endpoint(transport))
            try:
                for _ in range(RESTARTS):
                    load.wait_for_progress()
                    end(running)
                    running.start()
                load.wait_for_progress()
                self.assertEqual(load.finish(), 0)
            finally:
                if load.popen.poll() is None:
                    load.popen.kill()
                    load.popen.wait()

    def test_killed(self):
        self.run_load("ipc", lambda running: running.kill())

    def test_stopped(self):
        self.run_load("ipc", lambda running: running.stop())


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        RESTARTS = int(sys.argv.pop(1))
    unittest.main()
