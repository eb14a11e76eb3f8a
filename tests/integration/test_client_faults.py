"""Does every write of a client happen once when frames are dropped, repeated, delayed and cut off?

usage: test_client_faults.py [WRITES]
"""

import os
import pathlib
import random
import re
import subprocess
import sys
import unittest

import frame_proxy
import server

WRITES = 5000
PATIENCE_S = 1200
TRY_MS = 60


def load(proxy, running, *arguments, writes):
    """Its status, and what it found."""
    done = subprocess.run([str(server.BUILD / "tests" / "client_restarts"), "-n", str(writes), "-t",
                           str(TRY_MS), "-c", running.ipc, *arguments, proxy.endpoint],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE_S, check=False)
    return done.returncode, done.stderr


class Frames(unittest.TestCase):
    def run_load(self, faults, *arguments, writes):
        seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(31)))
        with server.Directory() as folder, server.Server("--durability", "ephemeral") as running:
            endpoint = f"ipc://{pathlib.Path(folder) / 'proxy.sock'}"
            with frame_proxy.FrameProxy(endpoint, running.ipc, faults, seed) as proxy:
                status, said = load(proxy, running, *arguments, writes=writes)
            print(f"TEST_SEED={seed} {proxy.counts}\n{said}", flush=True)
            return status, said, proxy.counts

    def test_every_write_happens_once(self):
        faults = frame_proxy.Faults(drop_reply=7, cut=3, repeat_reply=5, delay_reply=5,
                                    drop_request=2, repeat_request=5)
        status, said, counts = self.run_load(faults, writes=WRITES)
        self.assertEqual(status, 0, said)
        for fate in ("dropped", "cut", "repeated", "delayed", "request dropped",
                     "request repeated"):
            self.assertGreater(counts.get(fate, 0), 0, fate)
        self.assertIn("0 applied twice, 0 lost", said)

    def test_control_without_sequences(self):
        """The same by someone who writes again whenever a write seems to have failed."""
        faults = frame_proxy.Faults(drop_reply=10)
        status, said, _ = self.run_load(faults, "-u", writes=500)
        self.assertEqual(status, 1, said)
        self.assertGreater(int(re.search(r"(\d+) applied twice", said)[1]), 0)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        WRITES = int(sys.argv.pop(1))
    unittest.main()
