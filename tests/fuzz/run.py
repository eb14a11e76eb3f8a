"""Builds the fuzzers with clang, and runs one of them.

usage: run.py --build
       run.py [--must-find] FUZZER SEEDS OPTION...

The options are libFuzzer's. With --must-find the fuzzer is a control, which fails here unless it
finds the defect that was put into it.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
BUILD = pathlib.Path(os.environ["STATED_BUILD"]) / "fuzz"
FOUND = ["does not hold:", "ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer",
         "ERROR: libFuzzer: out-of-memory", "ERROR: libFuzzer: timeout"]


def clang():
    """The compiler, if it comes with libFuzzer; else ends the test as skipped."""
    for name in ["clang-14", "clang"]:
        path = shutil.which(name)
        if path is None:
            continue
        with tempfile.TemporaryDirectory(prefix="stated-fuzz-") as folder:
            source = pathlib.Path(folder) / "probe.c"
            source.write_text("#include <stddef.h>\n#include <stdint.h>\n"
                              "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);\n"
                              "int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)\n"
                              "{\n    (void)d;\n    (void)n;\n    return 0;\n}\n")
            probe = subprocess.run([path, "-fsanitize=fuzzer,address,undefined", str(source), "-o",
                                    str(pathlib.Path(folder) / "probe")], capture_output=True,
                                   check=False)
        if probe.returncode == 0:
            return path
    print("no clang with libFuzzer; install clang-14 and libclang-rt-14-dev")
    sys.exit(77)


def build():
    compiler = clang()
    commands = [
        ["cmake", "-S", str(SOURCE), "-B", str(BUILD), "-G", "Ninja",
         f"-DCMAKE_C_COMPILER={compiler}", "-DSTATED_FUZZ=ON", "-DCMAKE_BUILD_TYPE=Release",
         "-DCMAKE_C_FLAGS_RELEASE=-O1 -DNDEBUG",
         "-DSTATED_SANITIZE=fuzzer-no-link,address,undefined"],
        ["cmake", "--build", str(BUILD), "--target", "fuzzers", "-j", "2"],
    ]
    for command in commands:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                check=False)
        if result.returncode != 0:
            print(result.stdout)
            sys.exit(f"failed: {' '.join(command)}")
    print("the fuzzers are built")


def quick_place():
    """Where the files of a run, of which some fuzzers make one for each input, cost least."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run(fuzzer, seeds, options, must_find):
    program = BUILD / "fuzzers" / fuzzer
    if not program.exists():
        clang()
        sys.exit(f"{program} is not there; `run.py --build` makes it")
    if not any(pathlib.Path(seeds).iterdir()):
        sys.exit(f"{seeds} holds no seed")
    artifacts = BUILD / "artifacts"
    artifacts.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stated-fuzz-", dir=quick_place()) as folder:
        corpus = pathlib.Path(folder) / "corpus"
        corpus.mkdir()
        result = subprocess.run(
            [str(program.resolve()), str(corpus), str(pathlib.Path(seeds).resolve()), "-seed=1", "-max_len=4096", "-timeout=20",
             "-rss_limit_mb=1024", "-print_final_stats=1", f"-artifact_prefix={artifacts.resolve()}/{fuzzer}-",
             *options], cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            check=False)
    found = [line for line in result.stdout.splitlines() if any(text in line for text in FOUND)]
    stats = [line for line in result.stdout.splitlines() if "number_of_executed_units" in line]
    if must_find:
        if result.returncode == 0 or not found:
            print(result.stdout[-4000:])
            sys.exit(f"{fuzzer}: the defect was not found, so the fuzzer proves nothing")
        print(f"{fuzzer}: found: {found[0]}")
        return
    if result.returncode != 0 or not stats:
        print(result.stdout[-8000:])
        sys.exit(f"{fuzzer}: an input breaks it; it is in {artifacts}")
    print(f"{fuzzer}: {stats[0]}, nothing found")


def main():
    arguments = sys.argv[1:]
    if arguments == ["--build"]:
        build()
        return
    must_find = arguments[:1] == ["--must-find"]
    fuzzer, seeds, *options = arguments[must_find:]
    run(fuzzer, seeds, options, must_find)


if __name__ == "__main__":
    main()
