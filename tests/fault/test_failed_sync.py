"""What happens when the disk refuses a sync: no false acknowledgement, a stop, and a clean restart.

The server runs under strace, which makes its system calls fail for real.
"""

import subprocess
import unittest

import server
import sp
from stated.v1 import rpc_pb2

WRITES = 300
STOP_S = 30


class Traced(server.Server):
    """A server in which the n-th and later calls of one kind fail with EIO, counted by thread."""

    def __init__(self, call, first, **arguments):
        super().__init__(**arguments)
        wrapper = self.directory / "traced"
        # The leak checker of a sanitized build cannot work in a process that is traced.
        wrapper.write_text("#!/bin/sh\n"
                           "export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0\n"
                           f"exec strace -f -qq -o /dev/null -e trace={call} "
                           f"-e inject={call}:error=EIO:when={first}+ {server.STATED} \"$@\"\n",
                           encoding="ascii")
        wrapper.chmod(0o755)
        self.program = wrapper


class FailedSync(unittest.TestCase):
    def write_until_refused(self, running):
        """Names that were acknowledged, and the refusal; none when all were acknowledged."""
        acknowledged = []
        with running.client() as client:
            for number in range(WRITES):
                name = b"key-%d" % number
                try:
                    client.put(name, b"v" * 100)
                except sp.RpcError as refusal:
                    return acknowledged, refusal
                acknowledged.append(name)
        return acknowledged, None

    def check(self, call, first):
        with Traced(call, first) as running:
            acknowledged, refusal = self.write_until_refused(running)
            self.assertIsNotNone(refusal, "no write met the failing call")
            self.assertEqual(refusal.code, rpc_pb2.CODE_UNKNOWN, refusal)
            self.assertNotEqual(running.process.wait(STOP_S), 0)
            self.assertIn("storage failed", running.process.log())
            running.program = server.STATED
            running.start()
            with running.client() as client:
                for name in acknowledged:
                    self.assertEqual(client.get(name), b"v" * 100, name)
            print(f"{call} fails from call {first}: {len(acknowledged)} acknowledged writes, 0 lost")

    def test_a_sync_that_fails(self):
        self.check("fdatasync", 12)

    def test_a_page_write_that_fails(self):
        self.check("pwrite64", 20)

    def test_control_without_a_failure_all_is_acknowledged(self):
        with Traced("fdatasync", 60000) as running:
            acknowledged, refusal = self.write_until_refused(running)
            self.assertIsNone(refusal)
            self.assertEqual(len(acknowledged), WRITES)


if __name__ == "__main__":
    if subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode != 0:
        raise SystemExit("strace cannot trace here")
    unittest.main()
