"""What happens when the disk refuses a call: no false acknowledgement, a stop where nobody can say
what is on the disk, and a clean restart.

usage: test_io_errors.py [CASES|all]   how many of the cases below, chosen at random; the seed is printed

The server runs under strace, which makes its calls on the data file fail for real.
"""

import itertools
import os
import random
import subprocess
import sys
import unittest

import server
import sp
from stated.v1 import rpc_pb2

CASES = 12
WRITES = 24
STOP_S = 60
# Calls are counted by thread, and the writes are spread over two: each meets about so many.
MOST_CALLS = 12
INTERRUPTIONS = 20  # an interrupted call is made again, so there has to be an end
CALLS = ("pwrite64", "writev", "fdatasync", "fallocate")
FAULTS = {"EIO": "error=EIO", "ENOSPC": "error=ENOSPC", "EINTR": "error=EINTR",
          "short": "retval=100"}  # of a write: as if so many bytes had been written


class Fault:
    """The n-th call of a kind, in each thread, goes wrong; and those after it too."""

    def __init__(self, call, name, first, lasts):
        self.call = call
        self.name = name
        self.first = first
        self.lasts = lasts

    def __str__(self):
        return f"{self.call} {self.name} at call {self.first}{' and after' if self.lasts else ''}"

    def when(self):
        if not self.lasts:
            return str(self.first)
        if self.name == "EINTR":
            return f"{self.first}..{self.first + INTERRUPTIONS}"
        return f"{self.first}+"

    def stops(self):
        """Whether a server that meets it has to stop: what is on the disk is not known."""
        return self.name == "EIO" and self.call != "fallocate"


ALL = [Fault(call, name, first, lasts)
       for call, name, lasts, first in itertools.product(CALLS, FAULTS, (False, True),
                                                         range(1, MOST_CALLS + 1))
       if name != "short" or call in ("pwrite64", "writev")]


class Traced(server.Server):
    """A server whose calls on its data file meet the fault."""

    def __init__(self, fault, program=server.STATED):
        super().__init__("--workers", "2")
        self.trace = self.directory / "trace"
        self.traced = self.directory / "traced"
        # The leak checker of a sanitized build cannot work in a process that is traced.
        self.traced.write_text(
            "#!/bin/sh\nexport ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0\n"
            f"exec strace -D -f -qq -o {self.trace} -P {self.data}/state.mdb -e trace={fault.call} "
            f"-e inject={fault.call}:{FAULTS[fault.name]}:when={fault.when()} {program} \"$@\"\n",
            encoding="ascii")
        self.traced.chmod(0o755)

    def hits(self):
        return self.trace.read_text(encoding="utf-8", errors="replace").count("(INJECTED)")


def key(number):
    return b"key-%04d" % number


def value(number):
    return b"%04d" % number + b"v" * (30000 if number % 6 == 5 else 100)


class Outcome:
    """What became of some writes, one after the other, until the server is gone."""

    def __init__(self, running):
        self.acknowledged = set()
        self.refused = set()
        self.unknown = set()
        self.went_on = 0  # acknowledged after one of which the server said that it does not know
        try:
            with running.client() as client:
                for number in range(WRITES):
                    self.write(client, number)
        except (OSError, ConnectionError):
            pass

    def write(self, client, number):
        self.unknown.add(number)
        try:
            client.put(key(number), value(number))
        except sp.RpcError as refusal:
            if refusal.code != rpc_pb2.CODE_UNKNOWN:
                self.unknown.remove(number)
                self.refused.add(number)
            return
        self.went_on += len(self.unknown) > 1
        self.unknown.remove(number)
        self.acknowledged.add(number)


class IoErrors(unittest.TestCase):
    def try_fault(self, fault, program=server.STATED):
        """(how often it was met, findings) of one fault."""
        with Traced(fault, program) as running:
            running.program = running.traced
            running.stop()  # which leaves an empty state
            try:
                running.start()
                outcome = Outcome(running)
            except AssertionError:
                if not running.process.has_ended():
                    raise
                outcome = None
            met = running.hits()
            findings = self.judge_end(fault, running, outcome) if met else []
            running.program = server.STATED
            running.start()
            if outcome is not None:
                findings += self.judge_state(running, outcome)
        return met, findings

    def judge_end(self, fault, running, outcome):
        """Whether the server went on where it had to, and stopped where it had to."""
        process = running.process
        if outcome is None:
            status = process.wait(STOP_S)
            return [] if status not in (0, -6, -11) else [f"ended with {status} when it started"]
        if outcome.went_on or (fault.stops() and len(outcome.acknowledged) == WRITES):
            return ["it went on after a failure whose outcome is not known"]
        if outcome.unknown or fault.stops():
            status = process.wait(STOP_S) if process.has_ended(STOP_S) else None
            if status is None or status <= 0:
                return [f"it had to stop; status {status}"]
            if "storage failed" not in process.log():
                return ["the log does not say that storage failed"]
        elif process.has_ended():
            return [f"it ended with {process.wait()} for no reason"]
        return []

    def judge_state(self, running, outcome):
        findings = []
        with running.client() as client:
            for number in outcome.acknowledged:
                if client.get(key(number)) != value(number):
                    findings.append(f"write {number} was acknowledged and is lost")
            for number in outcome.refused:
                if client.get(key(number)) is not None:
                    findings.append(f"write {number} was refused and is there")
            for number in outcome.unknown:
                if client.get(key(number)) not in (None, value(number)):
                    findings.append(f"write {number} is there in part")
            client.put(b"still", b"writable")
        return findings

    def test_no_fault_of_any_call_is_a_false_acknowledgement(self):
        seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
        chosen = ALL if CASES is None else random.Random(seed).sample(ALL, CASES)
        hits = {}
        for fault in chosen:
            met, findings = self.try_fault(fault)
            self.assertEqual(findings, [], str(fault))
            hits[fault] = met
        kinds = {(fault.call, fault.name) for fault, met in hits.items() if met}
        print(f"{len(chosen)} faults, {sum(met > 0 for met in hits.values())} of them met: 0 false "
              f"acknowledgements; {len(kinds)} kinds of call and error", flush=True)
        self.assertGreater(len(kinds), 0)

    def test_a_sync_that_fails_ends_the_server(self):
        met, findings = self.try_fault(Fault("fdatasync", "EIO", 5, False))
        self.assertEqual((met, findings), (1, []))

    def test_a_page_write_that_fails_ends_the_server(self):
        met, findings = self.try_fault(Fault("writev", "EIO", 5, False))
        self.assertEqual((met, findings), (1, []))

    def test_control_without_a_failure_all_is_acknowledged(self):
        fault = Fault("fdatasync", "EIO", 60000, False)
        with Traced(fault) as running:
            running.stop()
            running.program = running.traced
            running.start()
            self.assertEqual(Outcome(running).acknowledged, set(range(WRITES)))
            self.assertEqual(running.hits(), 0)
            self.assertEqual(running.stop(), 0)

    def test_control_a_sync_that_is_tried_again(self):
        met, findings = self.try_fault(Fault("fdatasync", "EIO", 5, False),
                                       server.BUILD / "tests" / "stated-retried-sync")
        self.assertGreater(met, 0)
        self.assertNotEqual(findings, [], "a server that tries a failed sync again was not found")
        print(f"stated-retried-sync: {findings[0]}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1 and (sys.argv[1] == "all" or sys.argv[1].isdigit()):
        CASES = None if sys.argv[1] == "all" else int(sys.argv[1])
        del sys.argv[1]
    if subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode != 0:
        print("strace cannot trace here")
        raise SystemExit(77)
    unittest.main()
