"""Does the command that measures the lock's promises print every one, beside its target?"""

import os
import pathlib
import subprocess
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class MeasureOrder(unittest.TestCase):
    def test_every_promise_is_measured(self):
        done = subprocess.run(
            [str(HERE / "measure_order"), "--build", os.environ["STATED_BUILD"], "--seconds", "1",
             "--overload-seconds", "2", "--rounds", "1"],
            check=False, text=True, capture_output=True, timeout=240)
        # A target that is missed on a busy machine is no mistake of the command: 1, but no other.
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(done.stderr, "")
        lines = done.stdout.splitlines()
        for name, with_target in (("F1 ", 1), ("F2 ", 1), ("F3 ", 1), ("P10 ", 2), ("OVERLOAD", 4)):
            found = [line for line in lines if line.startswith(name) and "   target " in line]
            self.assertEqual(len(found), with_target, done.stdout)
        for beside in ("F3 limit", "F3 shared", "F3 pthread"):
            self.assertEqual(sum(line.startswith(beside) for line in lines), 1, done.stdout)
        self.assertEqual(sum(line.startswith("INLINE") for line in lines), 2)
        self.assertEqual(lines[-1], f"{done.stdout.count(': MISSED')} targets missed")
        # Fairness is no matter of speed.
        self.assertRegex(lines[0], r"^F1 +0 of [0-9,]+ replies .* met$")

    def test_a_build_without_the_programs_is_named(self):
        done = subprocess.run([str(HERE / "measure_order"), "--build", "/nowhere"], check=False,
                              text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
