"""Can every method of the contract be listed, described and called with nothing but JSON?"""

import json
import unittest

import fake_server
from served_statectl import Served
from stated.v1 import admin_pb2, options_pb2, state_pb2

SERVICES = [module.DESCRIPTOR.services_by_name[name]
            for module, name in ((state_pb2, "StateService"), (admin_pb2, "AdminService"))]
METHODS = {f"{service.full_name}/{method.name}": method
           for service in SERVICES for method in service.methods}


def access(method):
    mode = method.GetOptions().Extensions[options_pb2.access]
    return options_pb2.Access.Name(mode).removeprefix("ACCESS_").lower()


def shape(message):
    """The fields as rpc describe has them."""
    fields = []
    for field in message.fields:
        shown = {"name": field.name, "list": field.label == field.LABEL_REPEATED}
        if field.message_type is not None:
            shown["fields"] = shape(field.message_type)
        fields.append(shown)
    return fields


def pruned(fields):
    return [{name: pruned(value) if name == "fields" else value for name, value in field.items()
             if name in ("name", "list", "fields")} for field in fields]


class Contract(Served):
    def test_list(self):
        self.assertEqual(list(METHODS), self.ok("rpc", "list").decode().splitlines())
        rows = self.json("rpc", "list")
        self.assertEqual([(name, access(method), method.input_type.full_name,
                           method.output_type.full_name) for name, method in METHODS.items()],
                         [(row["method"], row["access"], row["request"], row["response"])
                          for row in rows])
        self.assertEqual(rows, [json.loads(line) for line in
                                self.ok("-o", "jsonl", "rpc", "list").splitlines()])
        self.assertRegex(self.ok("-o", "table", "rpc", "list").decode().splitlines()[1],
                         r"\Astated.v1.StateService/Read +read +ReadRequest +ReadResponse\Z")

    def test_describe(self):
        for name, method in METHODS.items():
            shown = self.json("rpc", "describe", name)
            self.assertEqual((name, access(method)), (shown["method"], shown["access"]))
            self.assertEqual(shape(method.input_type), pruned(shown["request_fields"]))
            self.assertEqual(shape(method.output_type), pruned(shown["response_fields"]))
            self.assertIn(method.input_type.full_name, self.ok("rpc", "describe", name).decode())
        text = self.ok("rpc", "describe", "StateService/Read").decode()
        self.assertRegex(text, r"\n  select +list of Selector\n    key +bytes +instead of prefix, ra")
        self.assertRegex(text, r"\n  consistency +Consistency +ordered, committed\n")
        self.assertNotIn(" \n", text)

    def test_names(self):
        for name in ("Status", "AdminService/Status", "v1.AdminService/Status",
                     "stated.v1.AdminService/Status"):
            self.assertEqual("stated.v1.AdminService/Status",
                             self.json("rpc", "describe", name)["method"])
        for name, meant in (("Staus", "'Status'"), ("AdminService/Staus", "'AdminService/Status'"),
                            ("stated.v1.AdminService/Staus", "'stated.v1.AdminService/Status'"),
                            ("Frobnicate", "rpc list"), ("tatus", "'Status'"), ("", "rpc list")):
            self.refused(2, "rpc", "call", name, says=meant)


class Calls(Served):
    def test_reads_and_writes(self):
        written = json.loads(self.ok("rpc", "call", "Write", json.dumps(
            {"guards": [{"key": "a", "exists": False}],
             "mutations": [{"put": {"key": "a", "value_base64": "/wA="}},
                           {"add": {"key": "n", "delta": "-5"}}]})))
        self.assertTrue(written["applied"])
        self.assertEqual((b"\xff\0", b"-5"), (self.held(b"a"), self.held(b"n")))
        read = json.loads(self.ok("rpc", "call", "Read", '{"select":[{"prefix":""}]}'))
        self.assertEqual(["/wA=", "-5"], [read["entries"][0]["value_base64"],
                                          read["entries"][1]["value"]])
        read = self.json("rpc", "call", "Read", '{"select":[{"key":"n"}],"consistency":"committed"}')
        self.assertEqual((1, False), (read["count"], read["more"]))

    def test_where_a_request_comes_from(self):
        request = b'{"select": [{"key":\n"a"}]}'
        self.put(b"a", b"1")
        path = self.folder / "request"
        path.write_bytes(request)
        for arguments, stdin in ((["-"], request), (["-f", path], b""), (["-f", "-"], request),
                                 ([request], b"")):
            read = json.loads(self.ok("rpc", "call", "Read", *arguments, stdin=stdin))
            self.assertEqual(1, read["count"])
        self.assertEqual("serving", json.loads(self.ok("rpc", "call", "Health"))["state"])

    def test_every_method_gets_its_message_and_shows_its_answer(self):
        seen = {}

        def remember(name):
            def answer(payload):
                seen[name] = payload
                return METHODS[name].output_type._concrete_class()
            return answer

        with fake_server.FakeServer({name: remember(name) for name in METHODS}) as fake:
            for name, method in METHODS.items():
                out = self.ok("-e", fake.endpoint, "rpc", "call", name)
                self.assertEqual(b"", seen[name])
                self.assertIsInstance(json.loads(out), dict)
        self.assertEqual(set(METHODS), set(seen))

    def test_formats(self):
        self.assertEqual(1, self.ok("rpc", "call", "Status").count(b"\n"))
        self.assertGreater(self.ok("-o", "json", "rpc", "call", "Status").count(b"\n"), 10)
        self.assertGreater(self.ok("-o", "table", "rpc", "call", "Status").count(b"\n"), 10)

    def test_what_the_server_refuses(self):
        self.refused(67, "rpc", "call", "Read", says="selects nothing")
        self.refused(73, "rpc", "call", "ClearPoison", says="not poisoned")
        self.assertEqual(b"", self.refused(78, "-e", f"ipc://{self.folder}/none", "--timeout", "100",
                                           "rpc", "call", "Health", says="none"))

    def test_mistakes(self):
        for arguments, word in (
                ([], "rpc list|describe|call"), (["eat"], "'eat'"), (["call"], "needs a method"),
                (["describe"], "needs a method"), (["list", "x"], "'x'"),
                (["describe", "Read", "x"], "'x'"), (["list", "-f", "x"], "--file"),
                (["call", "Read", "{", "}"], "fewer arguments"),
                (["call", "Read", "{"], "line 1, column 1: this is not JSON"),
                (["call", "Read", "{}", "-f", "x"], "not both"),
                (["call", "Read", "-f", f"{self.folder}/x"], f"{self.folder}/x"),
                (["call", "Read", '{"select":[{"kye":"a"}]}'],
                 'select[0]: Selector has no member "kye"; did you mean "key"?'),
                (["call", "Write", '{"limit":1}'], "rpc describe Write")):
            with self.subTest(arguments):
                self.refused(2, "rpc", *arguments, says=word)


if __name__ == "__main__":
    unittest.main()
