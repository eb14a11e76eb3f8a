"""Does every header compile alone: all in C11, the installed ones also as C++17?"""

import json
import shlex
import subprocess

import lint

C_ONLY = "only_c_reads_this.h"
STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def compile_commands():
    return json.loads((lint.BUILD / "compile_commands.json").read_text(encoding="utf-8"))


def include_options():
    """Every include directory that the build uses anywhere."""
    options = []
    for entry in compile_commands():
        words = shlex.split(entry["command"])
        for word, after in zip(words, words[1:] + [""]):
            option = None
            if word == "-isystem":
                option = ("-isystem", after)
            elif word.startswith("-I"):
                option = (word,)
            if option and option not in options:
                options.append(option)
    return [word for option in options for word in option]


INCLUDES = include_options()


def is_public(path):
    return "include/stated/" in str(path) or path.is_relative_to(lint.BUILD) or (
        path.name == C_ONLY)


def compile_alone(path, language):
    result = subprocess.run(language + STRICT + INCLUDES + ["-"], capture_output=True, text=True,
                            check=False, input=f'#include "{path}"\n')
    return None if result.returncode == 0 else result.stderr.strip()


def check(paths):
    found = []
    for path in paths:
        found.append(compile_alone(path, ["gcc", "-x", "c", "-std=c11", "-D_GNU_SOURCE"]))
        if is_public(path):
            found.append(compile_alone(path, ["gcc", "-x", "c", "-std=c11"]))
            found.append(compile_alone(path, ["g++", "-x", "c++", "-std=c++17"]))
    return [finding for finding in found if finding]


if __name__ == "__main__":
    generated = sorted((lint.BUILD / "proto").rglob("*.stated-*.h"))
    lint.run("headers", check, lint.tree("*.h") + generated,
             [("needs_size.h", "size_t f(void);\n"),
              (C_ONLY, "static inline int *f(void *p)\n{\n    return p;\n}\n")])
