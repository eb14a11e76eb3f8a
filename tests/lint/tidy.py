"""Does clang-tidy 14 have nothing to say, with the project's .clang-tidy?

usage: tidy.py [--tests]

All sources, but the tests without its static analyzer, which takes most of the time; with --tests
the tests, with it.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import headers
import lint


TESTS = lint.SOURCE / "tests"
TESTS_ONLY = sys.argv[1:] == ["--tests"]


def tidy(path):
    command = ["clang-tidy-14", "--quiet", "--extra-arg=-Wno-unknown-warning-option",
               "--extra-arg=-Wno-error"]  # the compiler of the build decides about its warnings
    if path.is_relative_to(lint.SOURCE):
        command += ["-p", str(lint.BUILD), str(path)]
        if path.is_relative_to(TESTS) and not TESTS_ONLY:
            command.append("--checks=-clang-analyzer-*")
    else:
        command += [f"--config-file={lint.SOURCE / '.clang-tidy'}", str(path), "--", "-std=gnu11"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else (result.stdout + result.stderr).strip()


def check(paths):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [finding for finding in pool.map(tidy, paths) if finding]


def compiled():
    """The project's own C sources that the build compiles; those of the tests alone if asked."""
    sources = {pathlib.Path(entry["file"]) for entry in headers.compile_commands()}
    return sorted(path for path in sources
                  if path.suffix == ".c" and path.is_relative_to(lint.SOURCE)
                  and not path.is_relative_to(lint.BUILD)
                  and (not TESTS_ONLY or path.is_relative_to(TESTS)))


LONG = "int f(int a)\n{\n" + "    a = a * 3 + 1;\n" * 61 + "    return a;\n}\n"

if __name__ == "__main__":
    lint.run("tidy", check, compiled(),
             [("unset.c", "int f(int n);\nint f(int n)\n{\n    int a;\n    if (n > 1) {\n"
               "        a = 1;\n    }\n    return a;\n}\n"),
              ("long.c", LONG)])
