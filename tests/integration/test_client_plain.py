"""Does a client get along with a server that keeps no record of sequences, and admit what it cannot
know there?"""

import subprocess
import unittest

import server
import sp
from stated.v1 import admin_pb2

PATIENCE_S = 60
QUEUE = "stated.v1.AdminService/Queue"


class Plain(unittest.TestCase):
    def setUp(self):
        directory = server.Directory()
        self.addCleanup(directory.__exit__)
        self.endpoint = f"ipc://{directory.path}/busy.sock"
        self.process = server.Process(directory.path, [self.endpoint],
                                      server.BUILD / "tests" / "busy_server")
        self.addCleanup(self.process.end)
        self.process.wait_until(lambda: server.listens(self.endpoint), "it listened")

    def start(self, wait_ms):
        return subprocess.Popen([server.BUILD / "tests" / "client_plain", self.endpoint,
                                 str(wait_ms)], stdout=subprocess.PIPE, text=True)

    def test_it_learns_to_go_without_numbers(self):
        said, _ = self.start(0).communicate(timeout=PATIENCE_S)
        self.assertEqual(said.splitlines(), ["OK, sent 2 times with 0, 1",
                                             "OK, sent 1 times with 0, 2",
                                             "OK, sent 1 times with 0, 3"])

    def test_a_write_that_is_lost_is_unknown(self):
        client = self.start(3_600_000)
        with sp.Client(self.endpoint) as admin:
            self.process.wait_until(
                lambda: admin.call(QUEUE, admin_pb2.QueueRequest(),
                                   admin_pb2.QueueResponse)[0].running_calls == 1, "it ran")
        self.process.signal(9)
        first = client.stdout.readline()
        client.kill()
        client.communicate()
        self.assertEqual(first, "UNKNOWN, sent 2 times with 0, 0\n")


if __name__ == "__main__":
    unittest.main()
