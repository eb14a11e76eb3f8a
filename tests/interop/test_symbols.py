"""Does the client library show what its headers declare, and nothing else?"""

import re
import subprocess
import unittest

import declarations
import installed
from installed import run

MESSAGE = re.compile(r"^stated__v1__")


def shown(library):
    """What a program that links the library can see."""
    how = "-D" if ".so" in library.name else "-g"
    lines = run("nm", how, "--defined-only", "--without-symbol-versions", library).stdout.splitlines()
    symbols = {line.split()[2] for line in lines if len(line.split()) == 3}
    return {symbol for symbol in symbols if not re.match(r"STATED_\d", symbol)}


def declared(includes):
    """What the client's public headers declare."""
    generated = sorted((includes / "stated" / "v1").glob("*.stated-client.h"))
    return declarations.exported(declarations.public_headers(includes) + generated)


def findings(library, includes):
    symbols, functions = shown(library), declared(includes)
    leaked = {symbol for symbol in symbols - functions if not MESSAGE.match(symbol)}
    found = [f"{symbol} leaks" for symbol in sorted(leaked)]
    found += [f"{name} is declared but not there" for name in sorted(functions - symbols)]
    if not any(MESSAGE.match(symbol) for symbol in symbols):
        found.append("there are no messages")
    return found


class Symbols(installed.InstalledTestCase):
    def setUp(self):
        self.includes = self.prefix / "include"

    def test_shared(self):
        self.assertEqual(findings(self.libraries / "libstated-client.so", self.includes), [])

    def test_archive(self):
        self.assertEqual(findings(self.libraries / "libstated-client.a", self.includes), [])

    def test_the_headers_declare_something(self):
        functions = declared(self.includes)
        for name in ("stated_client_open", "stated_kv_get", "stated_code_name", "stated_v1_state_service_read_async"):
            self.assertIn(name, functions)

    def test_a_leak_is_found(self):
        source = self.write("leak.c", "int stated_leak(void);\nint stated_leak(void) { return 0; }\n")
        shared = self.folder / "leak.so"
        run("gcc", "-shared", "-fPIC", source, "-o", shared, "-Wl,--whole-archive",
            self.libraries / "libstated-client.a", "-Wl,--no-whole-archive")
        self.assertEqual(findings(shared, self.includes), ["stated_leak leaks"])
        archive = self.folder / "leak.a"
        run("gcc", "-c", source, "-o", self.folder / "leak.o")
        archive.write_bytes((self.libraries / "libstated-client.a").read_bytes())
        run("ar", "rs", archive, self.folder / "leak.o")
        self.assertEqual(findings(archive, self.includes), ["stated_leak leaks"])

    def test_a_missing_function_is_found(self):
        includes = self.folder / "more"
        run("cp", "-r", self.includes, includes)
        with open(includes / "stated" / "client.h", "a", encoding="utf-8") as header:
            header.write("STATED_API int stated_client_more(void);\n")
        self.assertEqual(findings(self.libraries / "libstated-client.so", includes),
                         ["stated_client_more is declared but not there"])

    def test_a_name_of_the_inside_is_free(self):
        """A program may have a function that is called as one inside the archive."""
        inside = set(re.findall(r" t (\w+)\n", run("nm", self.libraries / "libstated-client.a").stdout))
        self.assertIn("pool_init", inside)
        source = self.write("clash.c", "#include <stated/client.h>\nint pool_init(void);\n"
                            "int pool_init(void) { return 7; }\n"
                            "int main(void) { stated_client_close(NULL); return pool_init() - 7; }\n")
        self.run_program(self.build(["stated-client-static"], source))

    def test_a_program_refuses_the_library_of_another_version(self):
        program = self.build(["stated-client"], self.write(
            "close.c", "#include <stated/client.h>\nint main(void) { stated_client_close(NULL); return 0; }\n"))
        other = self.folder / "other"
        other.mkdir()
        empty = self.write("empty.c", "void stated_client_close(void *c);\nvoid stated_client_close(void *c) { (void)c; }\n")
        soname = next(name for name in installed.needed(program) if "stated" in name)
        run("gcc", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-Wl,--version-script",
            self.write("other.map", "STATED_9 { global: *; };\n"), empty, "-o", other / soname)
        result = subprocess.run([program], env={"LD_LIBRARY_PATH": str(other)}, capture_output=True,
                                text=True, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("STATED_", result.stderr)


if __name__ == "__main__":
    unittest.main()
