"""What the linters share: the files of the project, and the rule that a linter proves it can fail.

A linter is a function from paths to findings. `run` first feeds it each control, a file that is
known to be wrong, and fails unless it objects; then the project's files, and fails when there are
none or when it objects.
"""

import os
import pathlib
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("STATED_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("STATED_BUILD", SOURCE / "build"))
FOLDERS = ["proto", "server", "client", "tools", "tests", "cmake", ".ci"]


def tree(*patterns):
    """The project's own files that match one of the patterns, sorted."""
    found = set()
    for folder in FOLDERS:
        for pattern in patterns:
            found.update(path for path in (SOURCE / folder).rglob(pattern) if path.is_file())
    return sorted(found)


def relative(path):
    path = pathlib.Path(path)
    return path.relative_to(SOURCE) if path.is_relative_to(SOURCE) else path


def run(name, check, files, controls):
    """controls: (file name, content) pairs. Ends the process."""
    files = list(files)
    with tempfile.TemporaryDirectory(prefix="stated-lint-") as folder:
        for control_name, content in controls:
            control = pathlib.Path(folder) / control_name
            control.write_text(content, encoding="utf-8")
            if not check([control]):
                print(f"{name}: the control {control_name} was not objected to:\n{content}")
                sys.exit(1)
    if not files:
        print(f"{name}: no file to look at, so nothing was checked")
        sys.exit(1)
    findings = check(files)
    for finding in findings:
        print(finding)
    print(f"{name}: {len(files)} files, {len(controls)} controls, {len(findings)} findings")
    sys.exit(1 if findings else 0)
