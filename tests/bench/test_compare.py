"""Do the commands that measure still measure? Short, and with no peer but what the build has."""

import json
import pathlib
import subprocess
import sys
import unittest

import server

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import table  # noqa: E402  a neighbour

COMPARE = pathlib.Path(__file__).with_name("compare")
LOAD = server.BUILD / "tests" / "wire_load"
LIMIT_S = 200


def run(*command):
    return subprocess.run([str(word) for word in command], check=False, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT_S)


class Load(server.ServedTestCase):
    def load(self, *arguments, status=0):
        port = self.server.tcp.rsplit(":", 1)[1]
        done = run(LOAD, "--port", port, "--duration", 0.1, *arguments)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_fills_and_reads_what_it_filled(self):
        figures = self.load("--keys", 500, "--fill", "--batch", 64, "--per-message", 16)
        self.assertEqual((500, 0), (figures["calls"], figures["errors"]))
        with self.server.client() as client:
            self.assertEqual(100, len(client.get(b"bench/00000499")))
        for arguments in (["--batch", 32, "--per-message", 32], ["--connections", 20],
                          ["--connections", 20, "--active", 3], ["--committed"],
                          ["--read-percent", 50], ["--rate", 500, "--connections", 2]):
            figures = self.load("--keys", 500, *arguments)
            self.assertEqual(0, figures["errors"], arguments)
            self.assertGreater(figures["calls"], 0, arguments)
            self.assertLessEqual(figures["p50_us"], figures["max_us"], arguments)

    def test_control_keys_that_are_not_there_are_errors(self):
        figures = self.load("--keys", 90000000, status=1)
        self.assertGreater(figures["errors"], 0)

    def test_nobody_there(self):
        done = run(LOAD, "--port", server.free_port())
        self.assertEqual(1, done.returncode)
        self.assertIn("connect", done.stderr)


class Verdict(unittest.TestCase):
    def target(self, bound, at_least, ours):
        target = table.Target("P1", "work", "peer", bound, at_least)
        for value in ours:
            target.add(value, 100)
        return target

    def test_the_median_of_the_ratios_decides(self):
        for bound, at_least, ours, verdict in (
                (1.3, True, [120, 130, 140], "holds"), (1.3, True, [120, 129, 140], "MISSED"),
                (1.1, False, [90, 110, 200], "holds"), (1.1, False, [90, 111, 200], "MISSED"),
                (None, True, [1], "for comparison")):
            self.assertEqual(verdict, self.target(bound, at_least, ours).verdict(), ours)

    def test_a_missed_target_says_what_the_libraries_allow(self):
        for bound, at_least, limits, verdict in (
                (1.3, True, [95, 90], "out of reach: the libraries alone miss it with 0.90"),
                (1.3, True, [150, 140], "MISSED, where the libraries alone reach 1.40"),
                (0.5, False, [55, 40], "out of reach: the libraries alone miss it with 0.55"),
                (0.5, False, [45, 40], "MISSED, where the libraries alone reach 0.45")):
            target = self.target(bound, at_least, [80])
            target.limits = [self.target(None, at_least, [limit]) for limit in limits]
            self.assertEqual(verdict, target.verdict())

    def test_what_was_not_measured_is_in_the_table(self):
        target = self.target(1, True, [])
        target.missing = "redis-server is not there"
        self.assertIn("redis-server is not there", table.text([target]))
        self.assertIn("redis-server is not there", table.markdown([target]))


class Compare(unittest.TestCase):
    def test_every_target_has_a_line(self):
        done = run(COMPARE, "--build", server.BUILD, "--rounds", 1, "--seconds", 0.05, "--quick",
                   "--peers", "", "--no-install")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for number in range(1, 12):
            self.assertRegex(done.stdout, rf"(?m)^P{number} ")
        self.assertIn("redis was not asked for", done.stdout)

    def test_mistakes(self):
        self.assertEqual(2, run(COMPARE, "--peers", "oracle").returncode)
        done = run(COMPARE, "--build", "/nowhere", "--no-install")
        self.assertEqual(1, done.returncode)
        self.assertIn("/nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
