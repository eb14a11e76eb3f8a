"""Does clang-tidy 14 have nothing to say, with the project's .clang-tidy?

usage: tidy.py [--deep]

The static analyzer takes nine tenths of the time, most of it in a few long functions; so it gives up
sooner than it would, unless --deep lets it go on.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import headers
import lint

# Of the analyzer's graph of a function; its own limit is 225,000.
NODES = 30000
LIMIT = ["-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={NODES}"]


def tidy(path):
    command = ["clang-tidy-14", "--quiet", "--extra-arg=-Wno-unknown-warning-option",
               "--extra-arg=-Wno-error"]  # the compiler of the build decides about its warnings
    if sys.argv[1:] != ["--deep"]:
        command += [f"--extra-arg={word}" for word in LIMIT]
    if path.is_relative_to(lint.SOURCE):
        command += ["-p", str(lint.BUILD), str(path)]
    else:
        command += [f"--config-file={lint.SOURCE / '.clang-tidy'}", str(path), "--", "-std=gnu11"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else (result.stdout + result.stderr).strip()


def check(paths):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [finding for finding in pool.map(tidy, paths) if finding]


def compiled():
    """The project's own C sources that the build compiles."""
    sources = {pathlib.Path(entry["file"]) for entry in headers.compile_commands()}
    return sorted(path for path in sources
                  if path.suffix == ".c" and path.is_relative_to(lint.SOURCE)
                  and not path.is_relative_to(lint.BUILD))


LONG = "int f(int a)\n{\n" + "    a = a * 3 + 1;\n" * 61 + "    return a;\n}\n"

if __name__ == "__main__":
    lint.run("tidy", check, compiled(),
             [("unset.c", "int f(int n);\nint f(int n)\n{\n    int a;\n    if (n > 1) {\n"
               "        a = 1;\n    }\n    return a;\n}\n"),
              ("long.c", LONG)])
