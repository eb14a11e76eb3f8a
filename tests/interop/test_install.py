"""Does what `cmake --install` puts in place serve a program that knows nothing but pkg-config?"""

import os
import pathlib
import unittest

import installed
import server
from installed import CPP17, SANITIZE, needed, run

PROGRAMS = [installed.HERE / "install" / name for name in ("client.c", "short.c")]
SAYS = {"client": "hello from outside\n", "short": "green became red\n"}
BOTH_SIDES = """
#include <stated/client.h>
#include <stated/server.h>

int main(void)
{
    struct stated_server_options wrong = STATED_SERVER_OPTIONS_INIT;
    struct stated_client_options none = STATED_CLIENT_OPTIONS_INIT;
    struct stated_server *server = NULL;
    struct stated_client *client = NULL;
    wrong.workers = 0;
    none.endpoint = "ipc:///nobody/is/here";
    return stated_server_new(&wrong, &server, NULL) == STATED_INVALID_ARGUMENT
                && stated_client_open(&none, &client, NULL) == STATED_UNAVAILABLE
            ? 0 : 1;
}
"""
MINE = """
syntax = "proto3";
package mine;
import "stated/v1/options.proto";
message M { bytes text = 1; }
service S { rpc Apply(M) returns (M) { option (stated.v1.access) = ACCESS_WRITE; } }
"""
CALL_MINE = """
#include "mine.stated-client.h"

int main(int argc, char **argv)
{
    struct stated_client_options options = STATED_CLIENT_OPTIONS_INIT;
    struct stated_client *client;
    Mine__M request = MINE__M__INIT;
    Mine__M *response;
    options.endpoint = argv[argc - 1];
    if (stated_client_open(&options, &client, NULL) != STATED_OK) {
        return 1;
    }
    enum stated_code code = mine_s_apply(client, NULL, &request, &response, NULL);
    stated_client_close(client);
    return code == STATED_UNIMPLEMENTED ? 0 : 1;
}
"""


class Install(installed.InstalledTestCase):
    def assert_work(self, *arguments, **options):
        """Builds each program and has it talk to a server; returns one of them."""
        with server.Server() as running:
            for source in PROGRAMS:
                program = self.build(*arguments, source, **options)
                for endpoint in (running.ipc, running.tcp):
                    self.assertEqual(self.run_program(program, endpoint), SAYS[source.stem])
        return program

    def test_the_short_program_is_short(self):
        text = (installed.HERE / "install" / "short.c").read_text(encoding="ascii")
        self.assertLessEqual(len(text.splitlines()), 20)
        for function in ("kv_get", "kv_put", "kv_compare_and_set"):
            self.assertIn(function, text)

    def test_clients_of_the_shared_library(self):
        version = self.pkg_config("--modversion", "stated-client")[0]
        soname = f"libstated-client.so.{version.rsplit('.', 1)[0]}"
        self.assertIn(soname, needed(self.assert_work(["stated-client"])))

    def test_clients_of_the_archive(self):
        program = self.assert_work(["stated-client-static"])
        self.assertFalse([name for name in needed(program) if "stated" in name])

    @unittest.skipIf(SANITIZE, "a sanitizer needs shared libraries")
    def test_clients_without_any_shared_library(self):
        program = self.assert_work(["stated-client"], options=["-static"], static=True)
        self.assertEqual(needed(program), [])

    def test_the_headers_serve_cpp(self):
        source = self.write("main.cpp",
                            "#include <stated/kv.h>\n#include <stated/v1/state.stated-client.h>\n"
                            "int main() { return stated_code_name(STATED_OK)[0] == 'O' ? 0 : 1; }\n")
        self.run_program(self.build(["stated-client"], source, language=CPP17))

    def test_client_and_server_in_one_program(self):
        source = self.write("both.c", BOTH_SIDES)
        for packages in (["stated-server"], ["stated-server", "stated-client"]):
            for client in ("stated-client", "stated-client-static"):
                with self.subTest(packages=packages, client=client):
                    self.run_program(self.build([client, *packages], source, static=True))
                    self.run_program(self.build([*packages, client], source, static=True))

    def test_the_programs_say_their_version(self):
        version = self.pkg_config("--modversion", "stated-client")[0]
        for program in ("stated", "statectl"):
            self.assertIn(version, run(self.prefix / "bin" / program, "--version").stdout)

    def test_the_contract_is_there_for_other_languages(self):
        for package in ("stated-proto", "stated-client"):
            protos = pathlib.Path(self.pkg_config("--variable=protodir", package)[0])
            names = sorted(path.name for path in (protos / "stated" / "v1").iterdir())
            self.assertEqual(names, ["admin.proto", "options.proto", "rpc.proto", "state.proto"])
        run("protoc", f"-I{protos}", f"--python_out={self.folder}", "stated/v1/state.proto")

    def test_services_of_ones_own(self):
        self.write("mine.proto", MINE)
        source = self.write("call_mine.c", CALL_MINE)
        protos = self.pkg_config("--variable=protodir", "stated-client")[0]
        plugin = self.prefix / "bin" / "protoc-gen-stated"
        run("protoc", f"--plugin=protoc-gen-stated={plugin}", f"-I{protos}", f"-I{self.folder}",
            f"--c_out={self.folder}", f"--stated_out={self.folder}", "mine.proto")
        self.assertTrue((self.folder / "mine.stated-server.h").exists())
        sources = [source, self.folder / "mine.pb-c.c", self.folder / "mine.stated-client.c"]
        with server.Server() as running:
            for package in ("stated-client", "stated-client-static"):
                self.run_program(self.build([package], *sources), running.ipc)


class CmakePackage(installed.InstalledTestCase):
    def configure(self, name, *options):
        output = self.folder / name
        run("cmake", "-S", installed.HERE / "install", "-B", output, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_C_FLAGS={' '.join(installed.SANITIZE_FLAGS)}", *options,
            env={**os.environ, "PKG_CONFIG_PATH": ""})
        return output

    def test_shared_and_static(self):
        output = self.configure("good")
        run("cmake", "--build", output)
        with server.Server() as running:
            for program, says in SAYS.items():
                shared, static = (output / f"{program}-{kind}" for kind in ("shared", "static"))
                self.assertIn("libstated-client.so", " ".join(needed(shared)))
                self.assertNotIn("stated", " ".join(needed(static)))
                for each in (shared, static):
                    self.assertEqual(run(each, running.ipc).stdout, says)

    def test_another_minor_version_is_refused(self):
        with self.assertRaisesRegex(AssertionError, r"compatible\s+with"):
            self.configure("refused", "-DWANTED=0.99")


if __name__ == "__main__":
    unittest.main()
