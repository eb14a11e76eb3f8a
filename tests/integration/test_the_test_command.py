"""Does tools/test count right, name what failed, and end with the right status?"""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

import server

SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
ENOUGH_S = 120


class TheTestCommand(unittest.TestCase):
    def setUp(self):
        folder = server.Directory()
        self.addCleanup(folder.__exit__)
        self.project = folder.path
        shutil.copytree(SOURCE / "tools", self.project / "tools",
                        ignore=shutil.ignore_patterns("*.c", "*.h"))
        # Nothing to install here, whatever this machine has.
        (self.project / "tools" / "dependencies").write_text("build coreutils\n", encoding="ascii")
        presets = json.loads((SOURCE / "CMakePresets.json").read_text(encoding="utf-8"))
        (self.project / "CMakePresets.json").write_text(json.dumps(presets), encoding="utf-8")

    def run_with(self, tests, *arguments):
        """tools/test in a project with these CMake lines for tests; (status, output)."""
        (self.project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(tiny NONE)\nenable_testing()\n" + tests,
            encoding="ascii")
        # No HOME, no TERM, no standard input, from another directory.
        result = subprocess.run(
            ["bash", str(self.project / "tools" / "test"), *arguments], check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=ENOUGH_S, cwd="/", env={"PATH": os.environ["PATH"]})
        return result.returncode, result.stdout

    def test_all_passed(self):
        status, output = self.run_with("add_test(NAME good COMMAND true)\n", "--only", "plain")
        self.assertEqual(status, 0, output)
        # The build counts as well.
        self.assertEqual(output.splitlines()[-1], "2 passed, 0 failed, 0 skipped")

    def test_failed_and_skipped_are_counted_and_named(self):
        status, output = self.run_with(
            "add_test(NAME good COMMAND true)\nadd_test(NAME bad COMMAND false)\n"
            "add_test(NAME away COMMAND sh -c \"echo there is no moon; exit 77\")\n"
            "set_tests_properties(away PROPERTIES SKIP_RETURN_CODE 77)\n", "--only", "plain")
        self.assertEqual(status, 1, output)
        self.assertEqual(output.splitlines()[-1], "2 passed, 1 failed, 1 skipped")
        self.assertIn("failed: plain: bad\n", output)
        self.assertIn("skipped: plain: away (there is no moon)\n", output)

    def test_a_build_that_fails_is_a_failure(self):
        status, output = self.run_with("message(FATAL_ERROR \"no way\")\n", "--only", "plain")
        self.assertEqual(status, 1, output)
        self.assertIn("no way", output)
        self.assertEqual(output.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

    def test_no_test_at_all_is_a_failure(self):
        status, output = self.run_with("", "--only", "plain")
        self.assertEqual(status, 1, output)
        self.assertEqual(output.splitlines()[-1], "1 passed, 1 failed, 0 skipped")

    def test_a_program_that_was_not_built_is_a_failure(self):
        status, output = self.run_with("add_test(NAME gone COMMAND no-such-program)\n",
                                       "--only", "plain")
        self.assertEqual(status, 1, output)
        self.assertEqual(output.splitlines()[-1], "1 passed, 1 failed, 0 skipped")

    def test_long_runs_only_when_asked_for(self):
        tests = ("add_test(NAME short COMMAND true)\nadd_test(NAME long COMMAND true)\n"
                 "set_tests_properties(long PROPERTIES LABELS \"unit;full\")\n")
        _, output = self.run_with(tests, "--only", "plain")
        self.assertEqual(output.splitlines()[-1], "2 passed, 0 failed, 0 skipped")
        _, output = self.run_with(tests, "--only", "plain", "--full")
        self.assertEqual(output.splitlines()[-1], "3 passed, 0 failed, 0 skipped")

    def test_the_coverage_is_reported_by_full_runs_and_not_counted(self):
        coverage = self.project / "tools" / "coverage"
        coverage.write_text("#!/bin/sh\necho half of it\nexit 1\n", encoding="ascii")
        tests = "add_test(NAME good COMMAND true)\n"
        for arguments, is_reported in (["--full"], True), ([], False), (["--full", "--only",
                                                                       "plain"], False):
            status, output = self.run_with(tests, *arguments)
            self.assertEqual(status, 0, output)
            self.assertEqual("half of it\n" in output, is_reported, output)
            self.assertEqual("not measured, or below its target" in output, is_reported, output)
            self.assertIn(" passed, 0 failed, 0 skipped", output.splitlines()[-1])

    def test_arguments_that_are_wrong(self):
        for arguments in (["--fast"], ["--only"], ["--only", "everything"]):
            status, output = self.run_with("", *arguments)
            self.assertEqual(status, 1, output)
            self.assertIn(arguments[-1], output)


if __name__ == "__main__":
    unittest.main()
