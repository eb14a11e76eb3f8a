"""Is valgrind content with the client's tests, and would it say so if it were not?

usage: test_client_valgrind.py [all]
"""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

TESTS = pathlib.Path(os.environ["STATED_BUILD"]) / "tests"
PROGRAMS = ["test_client_dispatch", "test_client_cancel"]
MORE = ["test_client_share", "test_client_call", "test_client_async", "test_client_again",
        "test_client_hooks", "test_kv_batch", "test_kv_scan", "test_kv_watch", "test_kv_memory"]
MISTAKES = ("leak", "undefined", "freed")
FOUND = 99
LIMIT_S = 600


def run(*command):
    done = subprocess.run(["valgrind", "-q", f"--error-exitcode={FOUND}", "--leak-check=full",
                           "--show-leak-kinds=definite", "--errors-for-leak-kinds=definite",
                           *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=LIMIT_S, check=False)
    return done.returncode, done.stdout


class Valgrind(unittest.TestCase):
    def test_the_client(self):
        for program in PROGRAMS:
            with self.subTest(program):
                status, said = run(TESTS / program)
                self.assertEqual(status, 0, said)

    def test_control(self):
        for mistake in MISTAKES:
            with self.subTest(mistake):
                status, said = run(TESTS / "valgrind_control", mistake)
                self.assertEqual(status, FOUND, said)


if __name__ == "__main__":
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not installed")
        sys.exit(77)
    if sys.argv[1:2] == ["all"]:
        PROGRAMS += MORE
        del sys.argv[1]
    unittest.main()
