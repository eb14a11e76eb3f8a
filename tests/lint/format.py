"""Is every C file as clang-format 14 would write it?"""

import re
import subprocess

import lint


def check(paths):
    command = ["clang-format-14", f"--style=file:{lint.SOURCE / '.clang-format'}", "--dry-run",
               "--Werror", *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return []
    return re.findall(r"^.*: error: .*$", result.stderr, re.MULTILINE) or [result.stderr]


if __name__ == "__main__":
    lint.run("format", check, lint.tree("*.c", "*.h"),
             [("indent.c", "int f(void)\n{\n  return 1;\n}\n"),
              ("brace.c", "int f(void) {\n    return 1;\n}\n"),
              ("column.c", "int f(int a);\nint g(void)\n{\n    return " + "+ ".join(["f(1) "] * 30)
               + ";\n}\n")])
