"""Have the instructions of a call grown, and would it be noticed if they had?"""

import pathlib
import subprocess
import sys
import unittest

COMMAND = pathlib.Path(__file__).with_name("instructions")
SKIPPED = 77


def run(*arguments):
    return subprocess.run([str(COMMAND), *arguments], check=False, capture_output=True, text=True)


class Instructions(unittest.TestCase):
    def test_they_are_as_recorded(self):
        done = run()
        print(done.stdout)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_control_twice_the_work_is_reported(self):
        done = run("--times", "2", "--only", "Read, a frame each")
        self.assertEqual(1, done.returncode, done.stdout + done.stderr)
        self.assertEqual(1, done.stdout.count("GROWN"), done.stdout)


if __name__ == "__main__":
    probe = run("--probe")
    if probe.returncode == SKIPPED:
        print(probe.stdout, end="")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
