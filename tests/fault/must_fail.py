"""Runs a test over an unsafe build: it has to fail, and say so in these words.

usage: must_fail.py PROGRAM WORDS [ARGUMENT...]
"""

import os
import subprocess
import sys
import tempfile


def main():
    program, words, *arguments = sys.argv[1:]
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="stated-fail-", dir=memory) as place:
        done = subprocess.run([program, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                              env={**os.environ, "STATED_TEST_DIRECTORY": place})
    said = [line for line in done.stdout.splitlines() if words in line]
    if done.returncode <= 0 or not said:
        print(done.stdout[-4000:])
        sys.exit(f"{program} ended with {done.returncode} and did not say \"{words}\": the unsafe "
                 "build was not told from a safe one")
    print(f"found: {said[0]}")


if __name__ == "__main__":
    main()
