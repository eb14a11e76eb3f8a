"""Does shellcheck have nothing to say about the project's shell, and pyflakes about its Python?"""

import subprocess

import lint


def shebang(path):
    with open(path, "rb") as file:
        first = file.readline()
    return first.decode(errors="replace") if first.startswith(b"#!") else ""


def check(paths):
    python = [path for path in paths if path.suffix == ".py" or "python" in shebang(path)]
    shell = [path for path in paths if path not in python]
    found = []
    for command, files in ((["/usr/bin/python3", "-m", "pyflakes"], python),
                           (["shellcheck", "-x", "-P", str(lint.SOURCE), "-s", "bash"], shell)):
        if files:  # all at once: starting a linter takes longer than most files do
            result = subprocess.run(command + list(map(str, files)), capture_output=True, text=True,
                                    check=False)
            if result.returncode != 0:
                found.append((result.stdout + result.stderr).strip())
    return found


def scripts():
    plain = [path for path in lint.tree("*") if path.suffix == "" and shebang(path)]
    return lint.tree("*.py", "*.sh") + plain


if __name__ == "__main__":
    lint.run("scripts", check, scripts(),
             [("unquoted.sh", "#!/bin/bash\nrm $1/x\n"), ("unused.py", "import os\n")])
