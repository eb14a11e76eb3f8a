"""Does protoc-gen-stated write what a build can rely on, and say clearly what it cannot take?"""

import os
import pathlib
import subprocess
import tempfile
import unittest

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
BUILD = pathlib.Path(os.environ["STATED_BUILD"])
PLUGIN = BUILD / "bin" / "protoc-gen-stated"
PROTOS = SOURCE / "tests" / "unit" / "generator"
IMPORTS = [f"-I{PROTOS}", f"-I{SOURCE / 'proto'}", "-I/usr/include"]
BARN = "farm/v1/barn.proto"
STRICT = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wcast-qual",
          "-Wstrict-prototypes", "-Wmissing-prototypes", "-Werror", "-D_GNU_SOURCE"]
MODES = "ACCESS_NONE;` ACCESS_READ, ACCESS_WRITE, ACCESS_PARK"
REMEDY = ('import "stated/v1/options.proto" and give the method one of '
          f"`option (stated.v1.access) = {MODES}")
ACCESS_FIELD = 50610
READ = "{ option (stated.v1.access) = ACCESS_READ; }"


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, check=False,
                          timeout=60, **options)


def protoc(output, *protos, parameter="", imports=()):
    """Runs the plugin as a build would."""
    out = f"{parameter}:{output}" if parameter else output
    return run(["protoc", f"--plugin=protoc-gen-stated={PLUGIN}", f"--stated_out={out}",
                *imports, *IMPORTS, *protos], text=True)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def varint(number):
    result = b""
    while number >= 0x80:
        result += bytes([number & 0x7F | 0x80])
        number >>= 7
    return result + bytes([number])


class TemporaryFolder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="stated-generator-")
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)
        self.output = self.folder / "out"
        self.output.mkdir()


class Files(TemporaryFolder):
    def test_four_files_for_a_file_with_services(self):
        result = protoc(self.output, BARN, "bare.proto", "farm/common/animal_types.proto")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        endings = ["stated-client.c", "stated-client.h", "stated-server.c", "stated-server.h"]
        self.assertEqual(files(self.output), [f"bare.{ending}" for ending in endings]
                         + [f"farm/v1/barn.{ending}" for ending in endings])

    def test_a_named_side_is_written_for_every_file(self):
        for side in ["client", "server"]:
            output = self.folder / side
            output.mkdir()
            result = protoc(output, "farm/common/animal_types.proto", parameter=side)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(files(output), [f"farm/common/animal_types.stated-{side}.{ending}"
                                             for ending in "ch"])

    def test_the_same_every_time(self):
        again = self.folder / "again"
        again.mkdir()
        protoc(self.output, BARN)
        protoc(again, BARN)
        for name in files(self.output):
            self.assertEqual((self.output / name).read_bytes(), (again / name).read_bytes(), name)

    def test_comments_are_carried_over(self):
        protoc(self.output, BARN)
        client = (self.output / "farm/v1/barn.stated-client.h").read_text()
        server = (self.output / "farm/v1/barn.stated-server.h").read_text()
        for text in ["A barn; / * not a comment * / keeps\n     animals.\n\n   Closed on Sundays.\n",
                     "Counts them.\n"]:
            self.assertIn(text, client)
        self.assertIn("Comment behind Swap.\n\n       farm.v1.Barn/Swap, ACCESS_NONE.", server)
        self.assertNotIn("A detached comment", client + server)

    def test_access_is_documented(self):
        protoc(self.output, BARN)
        client = (self.output / "farm/v1/barn.stated-client.h").read_text()
        for text in ["farm.v1.Barn/Count, ACCESS_READ.", "farm.v1.Barn/Delete, ACCESS_WRITE.",
                     "farm.v1.Barn/wait_HTTPFor_it, ACCESS_PARK."]:
            self.assertIn(text, client)


class Compiling(TemporaryFolder):
    """Each generated file, with only what it includes itself."""

    def setUp(self):
        super().setUp()
        protos = [BARN, "bare.proto", "farm/common/animal_types.proto"]
        messages = protos + ["google/protobuf/empty.proto", "google/protobuf/descriptor.proto",
                             "stated/v1/options.proto"]
        self.assertEqual(run(["protoc", f"--c_out={self.output}", *IMPORTS, *messages]).returncode, 0)
        for side in ["client", "server"]:
            self.assertEqual(protoc(self.output, *protos, parameter=side).returncode, 0)
        self.includes = ["-isystem", self.output] + [
            f"-I{SOURCE / part / 'include'}" for part in ["proto", "client", "server"]]

    def compile(self, compiler, path):
        language = "c" if compiler[0] == "gcc" else "c++"
        strict = [word for word in STRICT if language == "c" or "prototypes" not in word]
        return run([*compiler, *strict, *self.includes, "-x", language, "-"], text=True,
                   input=f'#include "{path}"\n#include "{path}"\n')

    def headers(self, endings=("client.h", "server.h")):
        found = [self.output / name for name in files(self.output)
                 if name.endswith(endings) and ".stated-" in name]
        self.assertTrue(found)
        return found

    def test_headers_in_c11(self):
        for path in self.headers():
            result = self.compile(["gcc", "-std=c11"], path)
            self.assertEqual((result.returncode, result.stderr), (0, ""), path)

    def test_headers_in_cpp17(self):
        for path in self.headers():
            if path.name.startswith("barn"):
                continue  # protobuf-c's header has a member called `delete`
            result = self.compile(["g++", "-std=c++17"], path)
            self.assertEqual((result.returncode, result.stderr), (0, ""), path)

    def test_sources(self):
        for path in self.headers(("client.c", "server.c")):
            for compiler in ["gcc", "clang-14"]:
                result = run([compiler, "-std=c11", *STRICT, *self.includes, path], text=True)
                self.assertEqual((result.returncode, result.stderr), (0, ""), path)

    def test_both_sides_in_one_file(self):
        both = self.folder / "both.h"
        both.write_text("".join(f'#include "{path}"\n' for path in self.headers()))
        result = self.compile(["gcc", "-std=c11"], both)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_control_a_missing_include_is_noticed(self):
        path = self.output / "farm/v1/barn.stated-client.h"
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if "animal_types.pb-c.h" not in line))
        self.assertIn("Zoo__CAnimals__Animal", path.read_text())
        pb_c = self.output / "farm/v1/barn.pb-c.h"  # which would bring it in
        pb_c.write_text("".join(line for line in pb_c.read_text().splitlines(keepends=True)
                                if "animal_types.pb-c.h" not in line))
        self.assertNotEqual(self.compile(["gcc", "-std=c11"], path).returncode, 0)


class Errors(TemporaryFolder):
    """Each names file, line, service and method, and what to do."""

    def generate(self, body, package="package a.b;"):
        (self.folder / "dir").mkdir(exist_ok=True)
        (self.folder / "dir" / "x.proto").write_text(
            f'syntax = "proto3";\n{package}\nimport "stated/v1/options.proto";\n'
            f"message M {{}}\n{body}\n")
        result = protoc(self.output, "dir/x.proto", imports=[f"-I{self.folder}"])
        if result.returncode != 0:
            self.assertEqual(files(self.output), [])
        told = [line for line in result.stderr.splitlines(keepends=True) if "warning:" not in line]
        return result.returncode, "".join(told)

    def assert_error(self, body, *messages, **options):
        returncode, stderr = self.generate(body, **options)
        lines = [f"dir/x.proto{message}" for message in messages]
        self.assertEqual((returncode, stderr), (1, "--stated_out: " + "\n".join(lines) + "\n"))

    def test_control_a_good_method(self):
        self.assertEqual(self.generate(f"service S {{ rpc A(M) returns (M) {READ} }}"), (0, ""))

    def test_no_access_mode(self):
        self.assert_error("service S { rpc DoIt(M) returns (M); }",
                          f":5: a.b.S/DoIt: no access mode; {REMEDY}")

    def test_other_options_are_no_access_mode(self):
        self.assert_error("service S { rpc DoIt(M) returns (M) { option deprecated = true; } }",
                          f":5: a.b.S/DoIt: no access mode; {REMEDY}")

    def test_unspecified_access_mode(self):
        self.assert_error(
            "service S {\n  rpc DoIt(M) returns (M) { option (stated.v1.access) = "
            "ACCESS_UNSPECIFIED; }\n}",
            f":6: a.b.S/DoIt: its access mode is ACCESS_UNSPECIFIED; {REMEDY}")

    def test_streams(self):
        remedy = ("streams are not supported; take `stream` away and page through the messages, or "
                  "poll with a method that parks")
        for request, response in [("stream M", "M"), ("M", "stream M"), ("stream M", "stream M")]:
            self.assert_error(f"service S {{ rpc A({request}) returns ({response}) {READ} }}",
                              f":5: a.b.S/A: {remedy}")

    def test_service_without_methods(self):
        self.assert_error("service S {}",
                          ":5: a.b.S: a service without methods; give it one, or remove it")

    def test_every_error_is_told(self):
        self.assert_error("service S { rpc A(M) returns (M); }\nservice T { rpc B(M) returns (M); }",
                          f":5: a.b.S/A: no access mode; {REMEDY}",
                          f":6: a.b.T/B: no access mode; {REMEDY}")

    def test_word_of_c(self):
        self.assert_error(f"service S {{ rpc Switch(M) returns (M) {READ} }}",
                          ":5: a.b.S/Switch: `switch` is a word of C, which protobuf-c would use "
                          "as a name; rename the method")

    def test_methods_that_become_one(self):
        self.assert_error(
            f"service S {{ rpc DoIt(M) returns (M) {READ} rpc do_it(M) returns (M) {READ} }}",
            ": a.b.S/DoIt and a.b.S/do_it would both be `a_b_s_do_it` in C; rename one of them")

    def test_a_method_that_is_anothers_async(self):
        self.assert_error(
            f"service S {{ rpc Get(M) returns (M) {READ} rpc GetAsync(M) returns (M) {READ} }}",
            ": a.b.S/Get and a.b.S/GetAsync would both be `a_b_s_get_async` in C; rename one of "
            "them")

    def test_a_method_that_is_the_services_type(self):
        self.assert_error(f"service S {{ rpc Type(M) returns (M) {READ} }}",
                          ": a.b.S and a.b.S/Type would both be `a_b_s_type` in C; rename one of "
                          "them")

    def test_a_method_that_is_the_services_list_of_calls(self):
        self.assert_error(f"service S {{ rpc Calls(M) returns (M) {READ} }}",
                          ": a.b.S and a.b.S/Calls would both be `a_b_s_calls` in C; rename one of "
                          "them")

    def test_a_handler_that_is_anothers_check(self):
        self.assert_error(
            f"service S {{ rpc X(M) returns (M) {READ} rpc AdmitX(M) returns (M) {READ} }}",
            ": a.b.S/X and a.b.S/AdmitX would both be `admit_x` in C; rename one of them")

    def test_services_that_become_one(self):
        self.assert_error(f"service T {{ rpc uV(M) returns (M) {READ} }}\n"
                          f"service t_u {{ rpc v(M) returns (M) {READ} }}",
                          ": T/uV and t_u/v would both be `t_u_v` in C; rename one of them",
                          package="")

    def test_services_that_stay_two(self):
        self.assertEqual(self.generate(f"service T {{ rpc U_V(M) returns (M) {READ} }}\n"
                                       f"service T_U {{ rpc V(M) returns (M) {READ} }}"), (0, ""))

    def test_unknown_parameter(self):
        result = protoc(self.output, BARN, parameter="client,sever")
        self.assertEqual((result.returncode, result.stderr),
                         (1, '--stated_out: unknown parameter "sever"; there are client and '
                             "server\n"))


class Plugin(unittest.TestCase):
    """What protoc itself would never send, straight to standard input."""

    @staticmethod
    def run_plugin(data):
        return run([PLUGIN], input=data)

    def respond(self, request):
        result = self.run_plugin(request.SerializeToString())
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        return plugin_pb2.CodeGeneratorResponse.FromString(result.stdout)

    @staticmethod
    def request(access=2, input_type=".a.M"):
        file = descriptor_pb2.FileDescriptorProto(name="x.proto", package="a")
        file.message_type.add(name="M")
        method = file.service.add(name="S").method.add(name="Get", input_type=input_type,
                                                       output_type=".a.M")
        method.options.MergeFromString(varint(ACCESS_FIELD << 3) + varint(access))
        return plugin_pb2.CodeGeneratorRequest(file_to_generate=["x.proto"], proto_file=[file])

    def test_known_access_modes(self):
        for number, name in [(1, "NONE"), (2, "READ"), (3, "WRITE"), (4, "PARK")]:
            response = self.respond(self.request(access=number))
            self.assertFalse(response.HasField("error"), response.error)
            self.assertFalse(response.HasField("supported_features"))
            self.assertIn(f".access = STATED_ACCESS_{name},", response.file[1].content)

    def test_unknown_access_modes(self):
        for number in [5, 50610, 2 ** 32 + 2, 2 ** 64 - 1]:
            response = self.respond(self.request(access=number))
            self.assertEqual(response.error, f"x.proto: a.S/Get: access mode {number} is not known "
                             f"to this generator; {REMEDY}")
            self.assertEqual(len(response.file), 0)

    def test_the_last_access_mode_counts(self):
        request = self.request(access=3)
        request.proto_file[0].service[0].method[0].options.MergeFromString(
            varint(ACCESS_FIELD << 3) + varint(4))
        self.assertIn("STATED_ACCESS_PARK", self.respond(request).file[1].content)

    def test_message_that_nobody_declares(self):
        for name, shown in [(".a.N", ".a.N"), (".b.M", ".b.M"), (".a.M.M", ".a.M.M"), ("M", "M"),
                            (None, "(none)")]:
            request = self.request(input_type=name)
            self.assertEqual(self.respond(request).error,
                             f"x.proto: a.S/Get: its message {shown} is declared in no file that "
                             "protoc handed over")

    def test_file_that_is_not_there(self):
        request = self.request()
        request.file_to_generate.append("y.proto")
        self.assertEqual(self.respond(request).error, "y.proto: protoc did not hand it over")

    def test_nothing_to_do(self):
        response = self.respond(plugin_pb2.CodeGeneratorRequest())
        self.assertEqual((len(response.file), response.HasField("error")), (0, False))

    def test_large_request(self):
        request = self.request()
        for number in range(20000):
            request.proto_file[0].message_type.add(name=f"Message{number}")
        self.assertGreater(request.ByteSize(), 256 << 10)
        self.assertEqual(len(self.respond(request).file), 4)

    def test_standard_output_is_full(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([str(PLUGIN)], input=self.request().SerializeToString(),
                                    stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"protoc-gen-stated: standard output: No space left on device", result.stderr)

    def test_standard_input_is_no_request(self):
        result = self.run_plugin(b"service S {}\n")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"no CodeGeneratorRequest on standard input; it is run by protoc",
                      result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
