"""Does what `cmake --install` puts in place serve a program that knows nothing but pkg-config?"""

import os
import pathlib
import subprocess
import unittest

import server

HERE = pathlib.Path(__file__).parent
SANITIZE = os.environ.get("STATED_SANITIZE")


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], check=False, text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, **options)
    if result.returncode != 0:
        raise AssertionError(f"{command} ended with {result.returncode}:\n{result.stderr}")
    return result


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = server.Directory()
        cls.addClassCleanup(folder.__exit__)
        cls.folder = folder.path
        cls.prefix = folder.path / "usr"
        run("cmake", "--install", server.BUILD, "--prefix", cls.prefix)

    def pkg_config(self, *arguments):
        """pkg-config as for a package installed under the prefix."""
        places = ":".join(str(path.parent) for path in self.prefix.rglob("*.pc"))
        environment = {**os.environ, "PKG_CONFIG_PATH": places}
        return run("pkg-config", f"--define-variable=prefix={self.prefix}", *arguments,
                   env=environment).stdout.split()

    def compile(self, package, *sources, language=("gcc", "-std=c11"), program="program"):
        output = self.folder / program
        sanitize = [f"-fsanitize={SANITIZE}"] if SANITIZE else []
        # protoc-c's initialisers leave braces out.
        run(*language, "-Wall", "-Wextra", "-Werror", "-Wno-missing-braces", *sanitize, *sources, "-o", output,
            *self.pkg_config("--cflags", "--libs", "--static", package))
        return output

    def test_a_client_of_c_works(self):
        program = self.compile("stated-client", HERE / "install" / "client.c")
        with server.Server() as running:
            for endpoint in (running.ipc, running.tcp):
                self.assertEqual(run(program, endpoint).stdout, "hello from outside\n")

    def test_the_headers_serve_cpp(self):
        source = self.folder / "main.cpp"
        source.write_text("#include <stated/client.h>\n#include <stated/v1/state.stated-client.h>\n"
                          "int main() { return stated_code_name(STATED_OK)[0] == 'O' ? 0 : 1; }\n",
                          encoding="ascii")
        run(self.compile("stated-client", source, language=("g++", "-std=c++17")))

    def test_a_server_of_ones_own_links(self):
        source = self.folder / "own.c"
        source.write_text("#include <stated/server.h>\n#include <stddef.h>\nint main(void)\n{\n"
                          "    struct stated_server *server = NULL;\n"
                          "    struct stated_server_options options = STATED_SERVER_OPTIONS_INIT;\n"
                          "    options.workers = 0;\n"
                          "    enum stated_code code = stated_server_new(&options, &server, NULL);\n"
                          "    return code == STATED_INVALID_ARGUMENT && server == NULL ? 0 : 1;\n"
                          "}\n", encoding="ascii")
        run(self.compile("stated-server", source))

    def test_the_programs_say_their_version(self):
        version = self.pkg_config("--modversion", "stated-client")[0]
        for program in ("stated", "statectl"):
            self.assertIn(version, run(self.prefix / "bin" / program, "--version").stdout)

    def test_the_contract_is_there_for_other_languages(self):
        protos = pathlib.Path(self.pkg_config("--variable=protodir", "stated-proto")[0])
        names = sorted(path.name for path in (protos / "stated" / "v1").iterdir())
        self.assertEqual(names, ["admin.proto", "options.proto", "rpc.proto", "state.proto"])
        run("protoc", f"-I{protos}", f"--python_out={self.folder}", "stated/v1/state.proto")

    def test_the_generator_is_there_for_services_of_ones_own(self):
        (self.folder / "mine.proto").write_text(
            'syntax = "proto3";\npackage mine;\nimport "stated/v1/options.proto";\n'
            "message M {}\nservice S { rpc Apply(M) returns (M) "
            "{ option (stated.v1.access) = ACCESS_WRITE; } }\n", encoding="ascii")
        protos = self.pkg_config("--variable=protodir", "stated-proto")[0]
        plugin = self.prefix / "bin" / "protoc-gen-stated"
        run("protoc", f"--plugin=protoc-gen-stated={plugin}", f"-I{protos}", f"-I{self.folder}",
            f"--stated_out={self.folder}", "mine.proto")
        self.assertTrue(list(self.folder.glob("mine.stated-*.h")))


if __name__ == "__main__":
    unittest.main()
