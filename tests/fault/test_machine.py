"""Does the server bear what the machine does to it: a clock that jumps, memory and descriptors that
run out, a data file that was altered, and peers in great numbers that stall?

usage: test_machine.py [PEERS]   how many peers stall or idle; the seed of random choices is printed
"""

import os
import random
import re
import resource
import sys
import threading
import time
import unittest

import attacks
import server
import sp
from stated.v1 import rpc_pb2, state_pb2

PEERS = 600
ALTERATIONS = 15
SHIM = (server.BUILD / "tests" / "libjumping_clock.so").resolve()
VALUE = b"v" * (32 << 10)
# Replies of one call while memory is out: it is done, or refused for want of memory.
BEARABLE = (rpc_pb2.CODE_OK, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
LOOKS = 300


def chance():
    seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(32)))
    print(f"seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
    return random.Random(seed)


def wrapped(running, command):
    """Lets the server be started by a shell line that ends with its own name and arguments."""
    path = running.directory / "wrapped"
    path.write_text(f"#!/bin/sh\n{command} {running.program} \"$@\"\n", encoding="ascii")
    path.chmod(0o755)
    running.program = path


@unittest.skipIf(server.SANITIZED, "a sanitizer wants to be loaded first")
class Clock(unittest.TestCase):
    def test_a_wall_clock_that_jumps_has_no_effect(self):
        running = server.Server("--idle-timeout", "1s")
        wrapped(running, f"exec env LD_PRELOAD={SHIM}")
        with running, running.client() as client:
            silent = attacks.say_nothing(running.tcp, 5)
            for number in range(100):
                client.put(b"key", b"%d" % number)
                self.assertEqual(client.get(b"key"), b"%d" % number)
            # A call that waits ends when its time is over, and not before.
            began = time.monotonic()
            watch = state_pb2.WatchRequest(select=sp.key(b"key"))
            events, _ = client.call("stated.v1.StateService/Watch", watch, state_pb2.WatchResponse,
                                    timeout_ms=500)
            self.assertEqual(len(events.events), 0)
            self.assertGreater(time.monotonic() - began, 0.1)
            for peer in silent:
                peer.settimeout(server.START_S)
                self.assertEqual(len(peer.recv(100)), len(sp.HELLO_REP))
                self.assertEqual(peer.recv(1), b"")
                peer.close()
            self.assertEqual(running.stop(), 0)
            # The control: the clock did jump, as only the times in the log show.
            years = {int(year) for year in re.findall(r"^(\d{4})-", running.process.log(), re.M)}
            self.assertGreater(len(years), 1, running.process.log())
            print(f"jumps over the years {sorted(years)}: no effect", flush=True)


@unittest.skipIf(server.SANITIZED, "a sanitizer takes more memory than there may be")
class Memory(unittest.TestCase):
    def limit(self, running, bytes_left):
        """None: no limit."""
        limit = resource.RLIM_INFINITY
        if bytes_left is not None:
            status = f"/proc/{running.process.pid}/statm"
            with open(status, encoding="ascii") as file:
                data = int(file.read().split()[5])  # pages that it may write to
                limit = data * resource.getpagesize() + bytes_left
        resource.prlimit(running.process.pid, resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))

    def test_memory_that_runs_out(self):
        codes = []
        acknowledged = []

        def load(running, number):
            for turn in range(20):
                try:
                    with running.client("tcp" if number % 2 else "ipc", timeout_s=20) as client:
                        name = b"w/%d/%d" % (number, turn)
                        write = client.reply(sp.WRITE, state_pb2.WriteRequest(
                            mutations=[sp.put(name, VALUE)]))
                        read = client.reply(sp.READ, state_pb2.ReadRequest(
                            select=[sp.prefix(b"large/")]))
                except (OSError, ConnectionError):
                    codes.append(None)  # not let in, or dropped
                    continue
                codes.extend([write.status.code, read.status.code])
                if write.status.code == rpc_pb2.CODE_OK:
                    acknowledged.append(name)

        with server.Server("--size-limit", "256m") as running:
            with running.client() as client:
                for number in range(20):
                    client.put(b"large/%d" % number, VALUE)
            self.limit(running, 256 << 10)
            threads = [threading.Thread(target=load, args=(running, number)) for number in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertFalse(running.process.has_ended(), running.process.log())
            self.limit(running, None)
            running.process.wait_until(running.answers, "it answered again")
            with running.client() as client:
                lost = [name for name in acknowledged if client.get(name) != VALUE]
            self.assertEqual(running.stop(), 0)
        self.assertEqual(lost, [])
        self.assertEqual([code for code in codes if code is not None and code not in BEARABLE], [])
        refused = sum(code == rpc_pb2.CODE_RESOURCE_EXHAUSTED for code in codes)
        print(f"out of memory: {refused} calls refused, {codes.count(None)} connections dropped, "
              f"{len(acknowledged)} acknowledged writes, 0 lost", flush=True)
        self.assertGreater(refused + codes.count(None), 0, "memory did not run out")


class DataFile(unittest.TestCase):
    def contents(self, running):
        with running.client() as client:
            return {entry.key: entry.value for entry in client.read(sp.prefix(b"")).entries}

    def test_a_data_file_that_was_altered(self):
        """It refuses to start and says why, or shows exactly what was written."""
        dice = chance()
        refused = 0
        with server.Server() as running:
            with running.client() as client:
                for number in range(300):
                    client.put(b"key/%03d" % number, b"value %d" % number * (1 + number % 9))
            before = self.contents(running)
            self.assertEqual(running.stop(), 0)
            path = running.data / "state.mdb"
            good = path.read_bytes()
            used = len(good.rstrip(b"\0"))
            for _ in range(ALTERATIONS):
                place = dice.randrange(used)
                data = bytearray(good)
                if dice.random() < 0.3:
                    del data[place:]
                else:
                    data[place] ^= 1 << dice.randrange(8)
                path.write_bytes(data)
                refused += self.look(running, before, place)
                path.write_bytes(good)
            running.start()
            self.assertEqual(self.contents(running), before)  # the control: unaltered, it starts
        print(f"{ALTERATIONS} alterations: {refused} refused, {ALTERATIONS - refused} without effect, "
              "0 with less or other data", flush=True)
        self.assertGreater(refused, 0)

    def look(self, running, before, place):
        """Whether it was refused."""
        try:
            running.start()
        except AssertionError:
            status, log = running.process.wait(), running.process.log()
            self.assertGreater(status, 0, f"byte {place}: {log}")  # below 0 is a signal
            self.assertIn("state.mdb", log, f"byte {place}")
            return True
        try:
            self.assertEqual(self.contents(running), before, f"byte {place}")
        except sp.RpcError as refusal:
            self.assertEqual(refusal.code, rpc_pb2.CODE_DATA_LOSS, f"byte {place}")
            return True
        finally:
            running.stop()
        return False


class Peers(unittest.TestCase):
    def waits(self, client):
        """Seconds that each of some reads took, sorted."""
        taken = []
        for _ in range(LOOKS):
            began = time.monotonic()
            self.assertEqual(client.get(b"small"), b"1")
            taken.append(time.monotonic() - began)
        return sorted(taken)

    def test_many_peers_of_which_half_stall(self):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most < PEERS + 100:
            self.skipTest(f"{PEERS} connections need as many descriptors; the limit is {most}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        with server.Server("--max-connections", str(PEERS + 50), "--idle-timeout", "10m") as running:
            with running.client("tcp") as client:
                client.put(b"small", b"1")
                alone = self.waits(client)
                peers = attacks.announce_and_stall(running.tcp, PEERS // 2, 1 << 20)
                peers += attacks.say_nothing(running.tcp, PEERS - len(peers))
                for peer in peers:
                    self.addCleanup(peer.close)
                running.process.wait_until(
                    lambda: client.status().connections > PEERS * 9 // 10, "they were in", 120)
                among = self.waits(client)
                client.put(b"small", b"1")
                resident = running.process.resident_bytes() >> 20
            p99 = LOOKS * 99 // 100
            print(f"{len(peers)} peers, half of them stalled in mid-message: a good client's p99 is "
                  f"{among[p99] * 1e6:.0f} us, alone {alone[p99] * 1e6:.0f} us; {resident} MiB "
                  "resident", flush=True)
            self.assertEqual(len(peers), PEERS)
            self.assertEqual(running.stop(), 0)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        PEERS = int(sys.argv.pop(1))
        ALTERATIONS *= 10
    unittest.main()
