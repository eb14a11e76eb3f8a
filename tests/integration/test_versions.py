"""Do client and server of different versions get along, or say clearly what one does not know?

A later version is stood in for by a proxy that puts fields nobody knows into every message; what
else it might say, a fake server says.
"""

import json
import subprocess
import threading
import unittest

import fake_server
import server
import sp
import statectl
from stated.v1 import admin_pb2, rpc_pb2, state_pb2

CHECK, JOB, QUEUE, SNAPSHOT = (f"stated.v1.AdminService/{name}"
                               for name in ("Check", "Job", "Queue", "Snapshot"))
EXAMPLES = server.BUILD / "examples"
# Fields 15 and 900 to 903, of every wire type.
LATER = bytes.fromhex("787b" "a03801" "aa38056c61746572" "b138ffffffffffffffff" "bd3800000000")
METHODS = {f"{service.full_name}/{method.name}": method
           for module in (state_pb2, admin_pb2)
           for service in module.DESCRIPTOR.services_by_name.values()
           for method in service.methods}
KINDS = {method.full_name: (getattr(state_pb2, method.name, None) or
                            getattr(admin_pb2, method.name))
         for each in METHODS.values() for method in (each.input_type, each.output_type)}


def put_later_fields(message):
    """Into it and all that is in it."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for each in value if field.label == field.LABEL_REPEATED else [value]:
                put_later_fields(each)
    message.MergeFromString(LATER)


def with_later_fields(payload, kind):
    message = KINDS[kind.full_name].FromString(payload)
    put_later_fields(message)
    return message.SerializeToString()


class LaterVersion(fake_server.FakeServer):
    """Stands between a client and a server, and makes each look later to the other."""

    def __init__(self, endpoint):
        super().__init__({})
        self.target = endpoint
        self.own = threading.local()
        self.behind = []

    def __exit__(self, *exception):
        super().__exit__(*exception)
        for connection in self.behind:
            connection.close()

    def reply(self, frame):
        if not hasattr(self.own, "connection"):  # this client's; a thread has one
            self.own.connection = sp.Connection(self.target)
            self.behind.append(self.own.connection)
        methods = [METHODS[call.method] for call in frame.calls]
        for call, method in zip(frame.calls, methods):
            call.payload = with_later_fields(call.payload, method.input_type)
        put_later_fields(frame)
        body = self.own.connection.exchange(frame.SerializeToString())
        answered = rpc_pb2.ReplyFrame.FromString(body)
        for reply, method in zip(answered.replies, methods):
            if reply.status.code == rpc_pb2.CODE_OK:
                reply.payload = with_later_fields(reply.payload, method.output_type)
        put_later_fields(answered)
        return answered


class Checks(unittest.TestCase):
    def run_example(self, name, *arguments, stdin=""):
        done = subprocess.run([str(EXAMPLES / name), *arguments], input=stdin, check=False,
                              capture_output=True, text=True, timeout=statectl.LIMIT_S)
        return done.returncode, done.stdout, done.stderr

    def fake(self, answers):
        fake = fake_server.FakeServer(answers)
        self.addCleanup(fake.__exit__, None, None, None)
        return fake.__enter__()

    def refused(self, fake, status, *arguments, says=""):
        done = statectl.run("-e", fake.endpoint, *arguments)
        self.assertEqual(status, done.status, done)
        self.assertRegex(done.said, r"\Astatectl: [^\n]*\n\Z")
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, done.said)
        return done.out.decode()


class Fields(Checks):
    """Fields that the other side does not know change nothing."""

    def test_the_control(self):
        """The fields are there, so the test below can fail."""
        plain = state_pb2.ReadResponse(entries=[state_pb2.Entry(key=b"a")])
        made = with_later_fields(plain.SerializeToString(),
                                 METHODS[sp.READ].output_type)
        self.assertEqual(made.count(LATER), 2)

    def test_every_command_and_the_client_library(self):
        with server.Server() as real, LaterVersion(real.ipc) as later, \
                server.Directory() as folder:
            def same(*arguments, stdin=b""):
                done = statectl.run("-e", later.endpoint, *arguments, stdin=stdin)
                self.assertEqual((0, ""), (done.status, done.said), (arguments, done))
                return done.out

            same("put", "a", "1")
            same("cas", "a", "2", "--if-value", "1")
            same("create", "b", "x")
            same("txn", "if a exists", "put c 3", "del b")
            self.assertEqual(b"7\n", same("add", "n", "7"))
            same("import", stdin=b'{"key":"d","value":"4"}\n')
            for reading in (["get", "a", "n", "c"], ["ls"], ["ls", "--count"], ["export"],
                            ["history", "a"], ["-o", "json", "ls"], ["poison", "show"],
                            ["health"]):
                direct = statectl.run("-e", real.ipc, *reading)
                self.assertEqual(direct.out, same(*reading), reading)
            status = json.loads(same("-o", "json", "status"))
            self.assertEqual((status["store"]["keys"], status["limits"]["workers"]), (4, 4))
            same("queue")
            same("ping", "-n", "1")
            same("db", "check")
            same("snapshot", "save", folder / "snapshot")
            same("rpc", "call", "Read", '{"select":[{"key":"a"}]}')
            self.assertEqual((0, "green\n", ""), self.run_example("get_put", later.endpoint))
            self.assertEqual(0, self.run_example("counter", later.endpoint)[0])
            with real.client() as client:
                self.assertEqual(client.get(b"a"), b"2")
                self.assertEqual(client.get(b"color"), b"green")


class NewerServer(Checks):
    CODE = (17, "tea is served")
    SAYS = ["code 17, which this client does not know", "tea is served"]
    KIND = 7

    def changes(self, kind):
        entry = state_pb2.Entry(key=b"k", value=b"v", mod_revision=5, create_revision=5, version=1)
        later = state_pb2.Entry(key=b"l", value=b"w", mod_revision=6, create_revision=6, version=1)
        event = state_pb2.Event(entry=later)
        event.MergeFromString(b"\x08" + bytes([kind]))
        return state_pb2.WatchResponse(events=[state_pb2.Event(entry=entry), event],
                                       next_revision=7)

    def test_a_code(self):
        """Told as it is, at once: nobody knows whether asking again helps or harms."""
        for method, command in ((sp.READ, ["get", "a"]), (sp.WRITE, ["put", "a", "1"]),
                                (sp.WATCH, ["watch", "--from", "5"])):
            fake = self.fake({method: self.CODE})
            self.refused(fake, 66, *command, says=self.SAYS)
            self.assertEqual(fake.calls.count(method), 1)

    def test_a_code_to_the_library(self):
        fake = self.fake({sp.WRITE: self.CODE})
        status, _, said = self.run_example("get_put", fake.endpoint)
        self.assertEqual(status, 1)
        self.assertTrue(said.startswith("UNKNOWN: the server says code 17"), said)
        fake = self.fake({sp.READ: state_pb2.ReadResponse(revision=4), sp.WATCH: self.CODE})
        self.assert_watch_ends(fake, "", "code 17", 5)

    def assert_watch_ends(self, fake, told, why, next_revision):
        with subprocess.Popen([str(EXAMPLES / "watch"), fake.endpoint, ""], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as watch:
            self.assertIn(why, watch.stderr.readline())
            out, said = watch.communicate("", timeout=statectl.LIMIT_S)
        # What it says itself and what the watch tells come from two threads.
        self.assertEqual(out.replace("watching\n", "", 1),
                         f"{told}the next revision is {next_revision}\n")
        self.assertEqual(said, "")

    def test_a_kind_of_change(self):
        """What came before it is told; it is not taken for another kind, nor passed over."""
        fake = self.fake({sp.WATCH: self.changes(self.KIND)})
        out = self.refused(fake, 76, "-o", "raw", "watch", "--from", "5",
                           says=["revision 6", "kind 7"])
        self.assertEqual("put\t5\tk\tv\n", out)

    def test_a_kind_of_change_to_the_library(self):
        fake = self.fake({sp.READ: state_pb2.ReadResponse(revision=4),
                          sp.WATCH: self.changes(self.KIND)})
        self.assert_watch_ends(fake, "", "revision 6 has a change of kind 7", 5)

    def test_a_kind_of_change_that_is_known(self):
        """The control: with that, both are told."""
        answers = iter([self.changes(1)])
        fake = self.fake({sp.READ: state_pb2.ReadResponse(revision=4),
                          sp.WATCH: lambda _: next(answers, (rpc_pb2.CODE_OUT_OF_RANGE, "gone"))})
        self.assert_watch_ends(fake, "5 k = v\n6 l deleted\n", "gone", 7)

    def test_a_state_of_health(self):
        health = admin_pb2.HealthResponse(reason="a new one")
        health.MergeFromString(b"\x08\x09")
        fake = self.fake({sp.HEALTH: health})
        done = statectl.run("-e", fake.endpoint, "health")
        self.assertEqual((1, b"state 9, which this statectl does not know: a new one\n"),
                         (done.status, done.out))
        done = statectl.run("-e", fake.endpoint, "-o", "json", "health")
        self.assertEqual((1, 9), (done.status, json.loads(done.out)["state"]))

    def test_an_access_mode(self):
        call = admin_pb2.QueuedCall(ticket=3, method="new.Service/Call", age_us=5)
        call.MergeFromString(b"\x18\x09")
        fake = self.fake({QUEUE: admin_pb2.QueueResponse(running=[call], running_calls=1)})
        done = statectl.run("-e", fake.endpoint, "queue")
        self.assertEqual(0, done.status, done)
        self.assertIn(b"unknown  new.Service/Call", done.out)

    def job(self, fields=b"", **known):
        job = admin_pb2.Job(**known)
        job.MergeFromString(fields)
        return job

    def test_jobs(self):
        running = self.job()
        for fields, known, status, says in (
                (b"\x18\x05", {}, 76, "state 5, which this statectl does not know"),
                (b"\x18\x02\x38\x63", {"message": "no tea"}, 66, "code 99"),
                (b"\x18\x02", {"message": "no code"}, 66, "no code"),
                (b"\x18\x01", {}, 77, "did not say")):
            job = self.job(fields, **known)
            for start, response, command in (
                    (CHECK, admin_pb2.CheckResponse, ["db", "check"]),
                    (SNAPSHOT, admin_pb2.SnapshotResponse, ["snapshot", "save", "/dev/shm/none"])):
                with self.subTest(command=command, says=says):
                    fake = self.fake({start: response(job=running),
                                      JOB: admin_pb2.JobResponse(job=job)})
                    self.refused(fake, status, *command, says=says)
        fake = self.fake({CHECK: admin_pb2.CheckResponse(job=running),
                          JOB: admin_pb2.JobResponse()})
        self.refused(fake, 77, "db", "check", says="did not say")

    def test_keys_that_are_longer(self):
        page = state_pb2.ReadResponse(entries=[state_pb2.Entry(key=b"k" * 481)], more=True, count=1)
        fake = self.fake({sp.READ: page})
        self.refused(fake, 76, "export", says="a key of 481 bytes")


class OlderServer(Checks):
    """It does not know a method, or leaves fields out that it does not have."""

    def test_methods(self):
        fake = self.fake({})
        for command in (["get", "a"], ["put", "a", "1"], ["watch", "a"], ["history", "a"],
                        ["db", "check"], ["snapshot", "save", "/dev/shm/none"], ["status"],
                        ["health"], ["queue"], ["poison", "show"], ["poison", "clear"],
                        ["ping", "-n", "1"], ["export"]):
            with self.subTest(command):
                self.refused(fake, 76, *command, says="not here")

    def test_methods_to_the_library(self):
        fake = self.fake({sp.READ: state_pb2.ReadResponse(revision=4)})
        status, _, said = self.run_example("get_put", fake.endpoint)
        self.assertEqual((1, "UNIMPLEMENTED: not here\n"), (status, said))
        NewerServer.assert_watch_ends(self, fake, "", "not here", 5)

    def test_empty_answers(self):
        """Each response as if the server knew none of its fields."""
        fake = self.fake({name: KINDS[method.output_type.full_name]()
                          for name, method in METHODS.items()})
        for command, status, says in (
                (["get", "a"], 1, "a"), (["put", "a", "1"], 77, "says neither"),
                (["create", "a", "1"], 1, ""), (["add", "a"], 77, "says neither"),
                (["db", "check"], 77, "did not say"), (["history", "a"], 76, "no log of changes"),
                (["snapshot", "save", "/dev/shm/none"], 77, "did not say")):
            with self.subTest(command):
                done = statectl.run("-e", fake.endpoint, *command)
                self.assertEqual(status, done.status, done)
                self.assertIn(says, done.said)
        for command in (["ls"], ["status"], ["health"], ["queue"], ["poison", "show"], ["export"],
                        ["-o", "json", "status"], ["ping", "-n", "1"]):
            with self.subTest(command):
                done = statectl.run("-e", fake.endpoint, *command)
                self.assertEqual((0, ""), (done.status, done.said), done)

    def test_events_without_a_key(self):
        fake = self.fake({sp.WATCH: state_pb2.WatchResponse(events=[state_pb2.Event()],
                                                            next_revision=2)})
        self.refused(fake, 77, "watch", "--from", "1", says="a change of no key")

    def test_more_without_any(self):
        fake = self.fake({sp.READ: state_pb2.ReadResponse(more=True)})
        self.refused(fake, 77, "ls", says="more keys, but sent none")


class NewerClient(server.ServedTestCase):
    """What a server does not know is refused and named, or else left aside; never half done."""

    def refuse(self, method, request, *says):
        with self.server.client() as client:
            reply = client.reply(method, request)
            self.assertEqual(rpc_pb2.Code.Name(reply.status.code), "CODE_INVALID_ARGUMENT")
            for words in says:
                self.assertIn(words, reply.status.message)
            self.assertEqual(reply.order.ticket, 0)
            self.assertIsNone(client.get(b"a"))

    def unknown(self, kind, **known):
        """A message whose oneof holds a field 9."""
        message = kind(**known)
        message.MergeFromString(b"\x4a\x01x")
        return message

    def test_kinds(self):
        good = sp.put(b"a", b"1")
        selector = self.unknown(state_pb2.Selector)
        self.refuse(sp.READ, state_pb2.ReadRequest(select=[sp.key(b"a"), selector]),
                    "selector 1 selects by field 9", "a prefix")
        self.refuse(sp.WATCH, state_pb2.WatchRequest(select=selector), "selects by field 9")
        self.refuse(sp.WRITE, state_pb2.WriteRequest(
            mutations=[good, self.unknown(state_pb2.Mutation)]), "mutation 1 is field 9", "an add")
        self.refuse(sp.WRITE, state_pb2.WriteRequest(mutations=[good, sp.delete(selector)]),
                    "mutation 1 selects by field 9")
        self.refuse(sp.WRITE, state_pb2.WriteRequest(
            guards=[self.unknown(state_pb2.Guard, key=b"b")], mutations=[good]),
            "guard 0, on \"b\"", "field 9")

    def test_an_enum_value(self):
        request = state_pb2.ReadRequest(select=[sp.key(b"a")])
        request.MergeFromString(b"\x30\x05")
        self.refuse(sp.READ, request, "consistency 5 is unknown")

    def test_methods(self):
        with self.server.client() as client:
            known = (sp.WRITE, state_pb2.WriteRequest(mutations=[sp.put(b"later", b"1")]))
            replies = client.frame([("stated.v1.StateService/Brew", b"tea"), known]).replies
            self.assertEqual(replies[0].status.code, rpc_pb2.CODE_UNIMPLEMENTED)
            self.assertIn("stated.v1.StateService/Brew", replies[0].status.message)
            self.assertEqual(replies[1].status.code, rpc_pb2.CODE_OK)
            self.assertEqual(client.get(b"later"), b"1")


if __name__ == "__main__":
    unittest.main()
