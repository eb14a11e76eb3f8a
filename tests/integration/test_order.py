"""Do the replies to many clients at once fit one order, the order of their tickets?

usage: test_order.py [CLIENTS CALLS]   calls are of each client
"""

import os
import random
import subprocess
import sys
import unittest

import server

CLIENTS, CALLS = 64, 150
RUN_S = 1500


class Order(unittest.TestCase):
    def run_oracle(self, transport, *arguments, program=server.STATED, impatient=0):
        seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(31)))
        with server.Server(*arguments, program=program) as running:
            result = subprocess.run(
                [str(server.BUILD / "tests" / "order_oracle"), running.endpoint(transport),
                 str(CLIENTS), str(CALLS), str(seed), str(running.directory / "calls.jsonl"),
                 str(impatient)],
                check=False, text=True, capture_output=True, timeout=RUN_S)
            print(f"{transport} {' '.join(arguments)}: {result.stdout}{result.stderr}", flush=True)
            self.assertEqual(result.returncode, 0, f"TEST_SEED={seed} repeats it")

    def test_over_ipc(self):
        self.run_oracle("ipc")

    def test_over_tcp(self):
        self.run_oracle("tcp")

    def test_without_a_disk_in_the_way(self):
        self.run_oracle("ipc", "--durability", "ephemeral")

    def test_with_an_engine_that_completes_later_from_its_own_thread(self):
        self.run_oracle("ipc", "--durability", "ephemeral",
                        program=server.BUILD / "tests" / "stated-late")

    def test_with_calls_that_are_late_and_clients_that_leave(self):
        self.run_oracle("ipc", impatient=30)

    def test_the_same_with_an_engine_that_completes_later(self):
        self.run_oracle("tcp", "--durability", "ephemeral", impatient=30,
                        program=server.BUILD / "tests" / "stated-late")


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1].isdigit():
        CLIENTS, CALLS = int(sys.argv.pop(1)), int(sys.argv.pop(1))
    unittest.main()
