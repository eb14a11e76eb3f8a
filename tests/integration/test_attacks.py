"""Does the server survive peers that a server without defences does not?

usage: test_attacks.py [DEATHS]   peers that die in traffic, per round; the seed is printed
"""

import os
import pathlib
import random
import resource
import subprocess
import sys
import time
import unittest

import attacks
import server
import sp
from stated.v1 import rpc_pb2, state_pb2

DEATHS = 2000
ROUNDS_UNTIL_DEAF = 50
NAIVE = server.BUILD / "tests" / "naive_rep"
MAX_RESIDENT = 64 << 20
VALUE = b"v" * (64 << 10)
VALUES = 14  # a read of all of them is a reply of most of a megabyte


def frame(method, request):
    return rpc_pb2.RequestFrame(calls=[rpc_pb2.Call(
        method=method, payload=request.SerializeToString())]).SerializeToString()


SMALL_READ = frame(sp.READ, state_pb2.ReadRequest(select=[sp.key(b"small")]))
LARGE_READ = frame(sp.READ, state_pb2.ReadRequest(select=[sp.prefix(b"large/")]))
SMALL_WRITE = frame(sp.WRITE, state_pb2.WriteRequest(mutations=[sp.add(b"counter", 1)]))


def new_seed():
    seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(32)))
    print(f"seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
    return seed


class Attacks(unittest.TestCase):
    def serve(self, *arguments):
        running = server.Server(*arguments)
        running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        with running.client() as client:
            client.put(b"small", b"1")
            for number in range(VALUES):
                client.put(b"large/%02d" % number, VALUE)
        return running

    def connections(self, running):
        with running.client() as client:
            return client.status().connections

    def assert_unharmed(self, running):
        """Nobody but the one who asks is connected any more, on each transport there is an answer."""
        running.process.wait_until(lambda: self.connections(running) == 1, "the others were gone")
        for transport in ("ipc", "tcp"):
            with running.client(transport) as client:
                self.assertEqual(client.get(b"small"), b"1")
                self.assertEqual(client.health().reason, "")
        if not server.SANITIZED:
            self.assertLess(running.process.resident_bytes(), MAX_RESIDENT)

    def test_peers_that_leave_while_greeted(self):
        running = self.serve()
        for endpoint in (running.ipc, running.tcp):
            attacks.leave_while_greeted(endpoint)
        self.assert_unharmed(running)

    def test_peers_that_die_in_traffic(self):
        running = self.serve()
        bodies = [SMALL_READ, SMALL_WRITE, LARGE_READ, SMALL_READ]
        attacks.die_in_traffic([running.ipc, running.tcp], bodies, DEATHS, new_seed())
        self.assert_unharmed(running)
        self.assertEqual(running.stop(), 0)

    def test_announcements_of_much(self):
        running = self.serve("--max-connections", "600", "--idle-timeout", "15s")
        peers = attacks.announce_and_stall(running.tcp, 500, 1 << 20)
        self.assertEqual(len(peers), 500)
        for peer in peers:
            self.addCleanup(peer.close)
        running.process.wait_until(lambda: self.connections(running) > 300, "most were in")
        if not server.SANITIZED:
            self.assertLess(running.process.resident_bytes(), MAX_RESIDENT)
        # Alone again, while all of them still hold on.
        self.assert_unharmed(running)

    def test_peers_that_say_nothing(self):
        running = self.serve("--idle-timeout", "1s")
        peers = attacks.say_nothing(running.tcp, 50) + attacks.say_nothing(running.ipc, 50)
        for peer in peers:
            self.addCleanup(peer.close)
            peer.settimeout(server.START_S)
            self.assertEqual(len(peer.recv(100)), len(sp.HELLO_REP))
            self.assertEqual(peer.recv(1), b"")
        self.assert_unharmed(running)

    def test_more_connections_than_may_be(self):
        running = self.serve("--max-connections", "20")
        peers = attacks.say_nothing(running.tcp, 60)
        for peer in peers:
            self.addCleanup(peer.close)
        with self.assertRaises((OSError, ConnectionError)):
            running.client("tcp").health()
        for peer in peers:
            peer.close()
        running.process.wait_until(lambda: running.answers(("tcp",)), "there was room again")
        self.assert_unharmed(running)

    def test_a_peer_that_takes_no_answer(self):
        running = self.serve()
        peer = attacks.read_nothing(running.tcp, LARGE_READ, 200)
        self.addCleanup(peer.close)
        with running.client("tcp") as client:
            for _ in range(100):
                self.assertEqual(client.get(b"small"), b"1")
            running.process.wait_until(lambda: client.status().connections == 1, "it was cut off")
        self.assert_unharmed(running)

    def test_out_of_descriptors(self):
        running = self.serve()
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        with running.client("tcp") as early:
            peers = attacks.say_nothing(running.tcp, 90)
            for peer in peers:
                self.addCleanup(peer.close)
            for _ in range(100):
                self.assertEqual(early.get(b"small"), b"1")
            running.process.wait_until(lambda: early.health().reason != "", "health said so")
            self.assertIn("cannot accept", running.process.log())
            for peer in peers:
                peer.close()
            running.process.wait_until(lambda: running.answers(("tcp",)), "accepting resumed")
            running.process.wait_until(lambda: early.health().reason == "", "health said so")
        self.assert_unharmed(running)


class Controls(unittest.TestCase):
    """The same attacks end a server without the defences; if not, they prove nothing."""

    def setUp(self):
        self.place = server.Directory()
        self.addCleanup(self.place.__exit__, None, None, None)
        self.ipc = f"ipc://{self.place.path}/naive.sock"
        self.tcp = f"tcp://127.0.0.1:{server.free_port()}"
        self.popen = subprocess.Popen([NAIVE, self.ipc, self.tcp])
        self.addCleanup(self.popen.wait)
        self.addCleanup(self.popen.kill)
        self.assertTrue(self.wait_until(lambda: self.answers(self.ipc) and self.answers(self.tcp)))

    def wait_until(self, condition, within_s=server.START_S):
        bound = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > bound:
                return False
            time.sleep(0.01)
        return True

    def answers(self, endpoint):
        try:
            with sp.Connection(endpoint, timeout_s=1) as connection:
                return connection.exchange(b"echo") == b"echo"
        except (OSError, ConnectionError):
            return False

    def sockets(self):
        return len(list(pathlib.Path(f"/proc/{self.popen.pid}/fd").iterdir()))

    def test_peers_that_leave_while_greeted(self):
        for endpoint in (self.ipc, self.tcp):
            for _ in range(ROUNDS_UNTIL_DEAF):  # one peer in time is enough; which one is, is luck
                attacks.leave_while_greeted(endpoint)
                if not self.answers(endpoint):
                    break
            else:
                self.fail(f"{endpoint} still answers after {ROUNDS_UNTIL_DEAF} rounds")

    def test_peers_that_die_in_traffic(self):
        before = self.sockets()
        seed = new_seed()
        for attempt in range(20):
            attacks.die_in_traffic([self.ipc, self.tcp], [b"small" * 3, b"large" * 3], 200,
                                   seed + attempt)
            if not self.wait_until(lambda: self.sockets() <= before, within_s=2):
                return  # descriptors of the dead are never given back
        self.fail("it gave back every connection")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        DEATHS = int(sys.argv.pop(1))
    unittest.main()
