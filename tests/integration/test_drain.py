"""Does a server that is told to stop answer what is in flight and end, whatever its peers do?

usage: test_drain.py [ROUNDS]   the seed of the moments is printed
"""

import os
import random
import signal
import sys
import time
import unittest

import attacks
import importer
import server
import sp
from stated.v1 import rpc_pb2, state_pb2

ROUNDS = 3
WRITERS = 6
MAX_ACKNOWLEDGED = 300
# Calls in flight and replies on their way; far below the ten seconds after which it gives up.
STOP_WITHIN_S = 30 if server.SANITIZED else 5
LARGE = b"v" * (256 << 10)
LARGE_READ = rpc_pb2.RequestFrame(calls=[rpc_pb2.Call(
    method=sp.READ, payload=state_pb2.ReadRequest(select=[sp.key(b"large")]).SerializeToString(),
)]).SerializeToString()


class Drain(unittest.TestCase):
    def hold_on(self, running):
        """Peers that would keep a server that waits for them from stopping."""
        with running.client() as client:
            client.put(b"large", LARGE)
        peers = attacks.announce_and_stall(running.tcp, 5, 1 << 20)
        peers += attacks.say_nothing(running.ipc, 5)
        peers += [attacks.read_nothing(endpoint, LARGE_READ, 40)
                  for endpoint in (running.ipc, running.tcp)]
        for peer in peers:
            self.addCleanup(peer.close)

    def stop_once(self, running, moment):
        writers = importer.start_writers([running.ipc, running.tcp], WRITERS)
        running.process.wait_until(
            lambda: sum(writer.acknowledged for writer in writers) >= moment,
            f"{moment} writes were acknowledged")
        began = time.monotonic()
        self.assertEqual(running.stop(signal.SIGTERM), 0, running.process.log())
        self.assertLess(time.monotonic() - began, STOP_WITHIN_S)
        importer.join_writers(writers)
        running.start()
        with running.client() as client:
            findings = [found for writer in writers for found in writer.check(client)]
        self.assertEqual(findings, [])
        return sum(writer.acknowledged for writer in writers)

    def test_stops_under_load_with_peers_that_hold_on(self):
        seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
        moments = random.Random(seed)
        kept = 0
        for _ in range(ROUNDS):
            with server.Server() as running:
                self.hold_on(running)
                kept += self.stop_once(running, moments.randrange(1, MAX_ACKNOWLEDGED))
        print(f"{ROUNDS} stops, {kept} acknowledged writes, 0 lost", flush=True)

    def test_a_second_signal_ends_it_at_once(self):
        with server.Server() as running:
            self.hold_on(running)
            running.process.signal(signal.SIGTERM)
            running.process.wait_until(lambda: "stopping" in running.process.log() or
                                       running.process.has_ended(), "it was told")
            running.process.signal(signal.SIGTERM)
            self.assertIn(running.process.wait(), (0, 130))  # it may have been quicker


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        ROUNDS = int(sys.argv.pop(1))
    unittest.main()
