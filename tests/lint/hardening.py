"""Are the programs hardened as cmake/flags.cmake means them to be? By what is in the binary.

usage: hardening.py PROGRAM FEATURE...
The control: the same checks must all object to a program built without any of it.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import headers

UNHARDENED = ["-O1", "-fno-stack-protector", "-fno-stack-clash-protection", "-U_FORTIFY_SOURCE",
              "-fno-pie", "-no-pie", "-Wl,-z,norelro", "-Wl,-z,lazy"]
# Copies with a length and a buffer that the checks have something to protect in.
CONTROL = """
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char line[9000];
    strcpy(line, argv[argc - 1]);
    return puts(line);
}
"""


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main_starts(program):
    """The first instructions of main."""
    code = output("objdump", "-d", "--no-show-raw-insn", "--disassemble=main", str(program))
    return code.split("<main>:", 1)[-1][:400]


def lacks(program, feature):
    """What is missing in the program for the feature, or None."""
    dynamic = output("readelf", "-hldW", str(program))
    symbols = output("readelf", "--dyn-syms", "-W", str(program))
    present = {
        "pie": lambda: "DYN (Position" in dynamic and re.search(r"FLAGS_1.*\bPIE\b", dynamic),
        "relro": lambda: "GNU_RELRO" in dynamic,
        "now": lambda: re.search(r"FLAGS\).*BIND_NOW|FLAGS_1.*\bNOW\b", dynamic),
        "stack_protector": lambda: "__stack_chk_fail" in symbols,
        "fortify": lambda: re.search(r"__\w+_chk@", symbols.replace("__stack_chk_fail", "")),
        "cf_protection": lambda: "endbr64" in main_starts(program),
        "stack_clash": lambda: re.search(r"or[ql]?\s+\$0x0,\(%[re]sp\)",
                                         output("objdump", "-d", str(program))),
    }
    return None if present[feature]() else f"{program}: no sign of {feature}"


def uncompiled(feature):
    """Of features that leave no sign in every file: the sources compiled without the flag."""
    flags = {"fortify": "-D_FORTIFY_SOURCE=3", "stack_clash": "-fstack-clash-protection",
             "stack_protector": "-fstack-protector-strong", "cf_protection": "-fcf-protection"}
    if feature not in flags:
        return []
    return [f"{entry['file']}: compiled without {flags[feature]}"
            for entry in headers.compile_commands() if flags[feature] not in entry["command"].split()]


def control_objects(features):
    """Does an unhardened program fail every check?"""
    with tempfile.TemporaryDirectory(prefix="stated-lint-") as folder:
        source, program = pathlib.Path(folder) / "control.c", pathlib.Path(folder) / "control"
        source.write_text(CONTROL, encoding="utf-8")
        protection = ["-fcf-protection=none"] if "cf_protection" in features else []
        subprocess.run(["gcc", *UNHARDENED, *protection, str(source), "-o", str(program)], check=True)
        missed = [feature for feature in features if lacks(program, feature) is None]
    for feature in missed:
        print(f"hardening: the unhardened control passes for {feature}")
    return not missed


def main():
    program, features = pathlib.Path(sys.argv[1]), sys.argv[2:]
    if not features:
        print("hardening: no feature to look for, so nothing was checked")
        return 1
    if not control_objects(features):
        return 1
    findings = [found for feature in features for found in
                filter(None, [lacks(program, feature), *uncompiled(feature)])]
    for finding in findings:
        print(finding)
    print(f"hardening: {program.name}: {len(features)} features, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
