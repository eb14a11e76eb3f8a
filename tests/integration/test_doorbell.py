"""Do callers of the example that waits learn of every ring, and end when they should?"""

import importlib
import os
import pathlib
import signal
import subprocess
import sys
import unittest

import server
import sp
from stated.v1 import rpc_pb2

BUILD = pathlib.Path(os.environ["STATED_BUILD"])
SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
RING = "doorbell.v1.Doorbell/Ring"
LISTEN = "doorbell.v1.Doorbell/Listen"
LISTENERS = 100
WAIT_MS = 60000


def compile_messages(directory):
    subprocess.run(["protoc", f"-I{SOURCE}/server/examples", f"-I{SOURCE}/proto",
                    f"--python_out={directory}", "doorbell.proto"], check=True)
    sys.path.insert(0, str(directory))
    return importlib.import_module("doorbell_pb2")


class Doorbell(unittest.TestCase):
    def setUp(self):
        directory = server.Directory()
        self.addCleanup(directory.__exit__)
        self.pb = compile_messages(directory.path)
        self.endpoint = f"ipc://{directory.path}/doorbell.sock"
        self.process = server.Process(directory.path, [self.endpoint], BUILD / "bin" / "doorbell")
        self.addCleanup(self.process.end)
        self.process.wait_until(lambda: "serving" in self.process.log(), "it served")
        self.client = sp.Client(self.endpoint)
        self.addCleanup(self.client.close)

    def ring(self):
        return self.client.call(RING, self.pb.RingRequest(), self.pb.RingResponse)[0].rings

    def listen(self, client, seen, timeout_ms=WAIT_MS):
        client.begin(LISTEN, self.pb.ListenRequest(seen=seen), timeout_ms)

    def wait_parked(self, count):
        self.process.wait_until(lambda: self.client.status().queue.parked_calls == count,
                                f"{count} were parked")

    def test_all_of_its_life(self):
        listener, leaver = sp.Client(self.endpoint), sp.Client(self.endpoint)
        for _ in range(LISTENERS):
            self.listen(listener, 0)
            self.listen(leaver, 0)
        self.wait_parked(2 * LISTENERS)
        leaver.close()
        self.wait_parked(LISTENERS)
        self.assertEqual(self.ring(), 1)
        for _ in range(LISTENERS):
            self.assertEqual(listener.finish(self.pb.ListenResponse)[1].rings, 1)
        # What has been heard already is waited for no more; what has not, is told at once.
        self.listen(listener, 1, 300)
        self.assertEqual(listener.finish(self.pb.ListenResponse)[1].rings, 1)
        self.listen(listener, 0)
        self.assertEqual(listener.finish(self.pb.ListenResponse)[1].rings, 1)
        # Every ring, one after the other, by somebody who only goes on.
        seen = 1
        for expected in range(2, 50):
            self.listen(listener, seen)
            self.ring()
            seen = listener.finish(self.pb.ListenResponse)[1].rings
            self.assertEqual(seen, expected)
        self.listen(listener, seen)
        self.wait_parked(1)
        self.process.signal(signal.SIGTERM)
        self.assertEqual(listener.finish(self.pb.ListenResponse)[1].rings, seen)
        self.assertEqual(self.process.wait(), 0)
        listener.close()

    def test_a_share_is_bounded(self):
        with sp.Client(self.endpoint) as greedy:
            for _ in range(4096):  # the default for one connection
                self.listen(greedy, 0)
            self.wait_parked(4096)
            self.listen(greedy, 0)
            with self.assertRaises(sp.RpcError) as refused:
                greedy.finish(self.pb.ListenResponse)
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
            self.assertIn("this connection has parked 4096", refused.exception.message)
            self.listen(self.client, 0, 10)
            self.assertEqual(self.client.finish(self.pb.ListenResponse)[1].rings, 0)
        self.wait_parked(0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
