"""Does statectl show a server as it is, say what is wrong in one line, and end with the contract's
status, on a terminal and elsewhere?"""

import json
import os
import signal
import subprocess
import tempfile
import unittest

import fake_server
import server
import sp
import statectl
from stated.v1 import admin_pb2, options_pb2, rpc_pb2, state_pb2

QUEUE = "stated.v1.AdminService/Queue"
CLEAR_POISON = "stated.v1.AdminService/ClearPoison"
COMMANDS = ("get", "put", "create", "cas", "txn", "del", "add", "ls", "watch",
            "history", "export", "import", "snapshot", "db", "status", "health", "ping", "queue",
            "poison", "rpc", "bench", "shell", "completion", "verify-order", "version")
# What a command needs to get as far as calling the server.
ARGUMENTS = {"get": ["a"], "put": ["a", "b"], "create": ["a", "b"],
             "cas": ["a", "b", "--if-version", "1"], "rpc": ["call", "Status"],
             "txn": ["put a b"], "del": ["a"], "add": ["a"], "poison": ["show"],
             "history": ["a"], "snapshot": ["save", f"{tempfile.gettempdir()}/stated-no-{os.getpid()}"],
             "db": ["check"]}
CALLING = [[name, *ARGUMENTS.get(name, [])] for name in COMMANDS
           if name not in ("bench", "shell", "completion", "verify-order", "version")]

POISON = admin_pb2.Poison(ticket=42, method="shop.Orders/Place", reason="half\nwritten",
                          age_ms=61_000)
BUSY = admin_pb2.QueueResponse(
    running=[admin_pb2.QueuedCall(ticket=7, method=sp.WRITE, access=options_pb2.ACCESS_WRITE,
                                  age_us=1500, peer="ipc pid 12")],
    waiting=[admin_pb2.QueuedCall(ticket=8 + i, method=sp.READ, access=options_pb2.ACCESS_READ,
                                  age_us=900 - i, peer="tcp 10.0.0.%d:99" % i) for i in range(3)],
    running_calls=1, waiting_calls=5,
    times=[admin_pb2.CallTimes(access=options_pb2.ACCESS_READ, committed=True, calls=1234,
                               wait_p50_us=0, wait_p99_us=12, hold_p50_us=2500,
                               hold_p99_us=3_000_000)])


class Checks(unittest.TestCase):
    def ok(self, *arguments, **options):
        done = statectl.run(*arguments, **options)
        self.assertEqual((0, ""), (done.status, done.said), (arguments, done))
        return done.out.decode()

    def refused(self, status, *arguments, says="", **options):
        done = statectl.run(*arguments, **options)
        self.assertEqual(status, done.status, (arguments, done))
        self.assertRegex(done.said, r"\Astatectl: [^\n]*\n\Z")
        self.assertIn(says, done.said)
        return done.out.decode()


class Usage(Checks):
    def test_mistakes_are_named(self):
        for arguments, word in (
                ([], "which command"), (["gett", "a"], "did you mean 'get'"),
                (["frobnicate"], "unknown command 'frobnicate'"), (["--frob", "get"], "--frob"),
                (["get"], "get KEY..."), (["get", "--frob", "a"], "'--frob'; see statectl get --help"),
                (["get", "a", "-x"], "'x'"), (["get", "a", "-e"], "'e'"), (["status", "x"], "status"),
                (["-o", "xml", "ls"], "'xml'"), (["ls", "-o", "xml"], "'xml'"),
                (["--timeout", "soon", "ls"], "'soon'"), (["ls", "--timeout", "0"], "'0'"),
                (["ls", "--timeout", "-5"], "'-5'"), (["ping", "-n", "0"], "'0'"),
                (["poison"], "show|clear"), (["poison", "eat"], "'eat'"),
                (["poison", "show", "7"], "no ticket"),
                (["poison", "clear", "0"], "the ticket"), (["poison", "clear", "x"], "the ticket"),
                (["queue", "--limit", "1001"], "'1001'"), (["help", "frobnicate"], "frobnicate")):
            with self.subTest(arguments):
                self.refused(2, *arguments, says=word)

    def test_environment(self):
        with server.Server() as running:
            self.ok("put", "a", "1", STATECTL_ENDPOINT=running.ipc)
            out = self.ok("get", "a", STATECTL_ENDPOINT=running.tcp, STATECTL_OUTPUT="json")
            self.assertEqual("1", json.loads(out)["value"])
            self.assertEqual("1", self.ok("get", "a", "-o", "raw", STATECTL_ENDPOINT=running.tcp,
                                          STATECTL_OUTPUT="json"))
            self.assertEqual("1", self.ok("-e", running.ipc, "get", "a",
                                          STATECTL_ENDPOINT="ipc:///nowhere"))
            self.assertEqual("1", self.ok("get", "-e", running.ipc, "a", STATECTL_ENDPOINT=""))
        self.refused(2, "ls", says="STATECTL_OUTPUT: 'xml'", STATECTL_OUTPUT="xml")
        self.refused(2, "ls", says="STATECTL_TIMEOUT: 'x'", STATECTL_TIMEOUT="x")

    def test_help(self):
        text = self.ok("--help")
        for name in COMMANDS:
            self.assertIn(f"\n  {name} ", text)
            own = self.ok(name, "--help")
            self.assertIn(f"Usage: statectl {name} ", own)
            self.assertRegex(own, rf"Examples:\n( .*\n)*  .*statectl (-\S* \S* )*{name}\b")
            self.assertIn("--endpoint=URL", own)
            self.assertEqual(own, self.ok("help", name))
        self.assertIn("Exit status:", text)
        self.assertEqual(text, self.ok("help"))

    def test_version_flag(self):
        self.assertRegex(self.ok("--version"), r"\Astatectl \d+\.\d+\.\d+\n\Z")
        self.assertEqual(self.ok("--version"), self.ok("ls", "--version"))


class Failures(Checks):
    def test_nobody_there(self):
        with server.Directory() as folder:
            for endpoint in (f"ipc://{folder}/none", f"tcp://127.0.0.1:{server.free_port()}"):
                for command in CALLING:
                    with self.subTest(command):
                        out = self.refused(78, "-e", endpoint, "--timeout", "100", *command,
                                           says=endpoint)
                        self.assertEqual("", out)
                done = statectl.run("-e", endpoint, "ping", "--timeout", "100")
                self.assertIn(f"stated --listen {endpoint}", done.said)
                version = statectl.run("-e", endpoint, "--timeout", "100", "version")
                self.assertEqual(0, version.status)
                self.assertIn(b"does not answer", version.out)

    def test_no_endpoint(self):
        for url in ("nonsense", "udp://127.0.0.1:1", "tcp://127.0.0.1", "ipc://"):
            self.refused(2, "-e", url, "ping", says=url)
            self.refused(2, "-e", url, "import", "-", says=url)

    def test_an_endpoint_that_is_nearly_one(self):
        for url, meant in (("ipc:/run/x", "ipc:///run/x"), ("tcp//localhost:1", "tcp://localhost:1"),
                           ("/run/x", "ipc:///run/x"), ("localhost:1", "tcp://localhost:1")):
            self.refused(2, "-e", url, "ls", says=f'did you mean "{meant}"?')

    def test_of_several_servers_the_first_that_answers_is_asked(self):
        with server.Server() as served, server.Directory() as directory:
            nobody = f"ipc://{directory / 'nobody'}"
            for endpoints in (f"{nobody},{served.ipc}", f"{served.ipc},{nobody}"):
                done = statectl.run("-e", endpoints, "health")
                self.assertEqual((done.status, done.out, done.said), (0, b"serving\n", ""))
            done = statectl.run("-e", f"{nobody},{nobody}2", "--timeout", "300", "health")
            self.assertEqual(done.status, 64 + 14, done)
            self.assertIn("none of 2 endpoints will do", done.said)

    def test_errors_as_json(self):
        with server.Directory() as folder:
            endpoint = f"ipc://{folder}/none"
            for form in ("json", "jsonl"):
                for arguments, error in (
                        (["-e", endpoint, "ls"],
                         {"message": f"no server at {endpoint}; start one with: stated --listen "
                                     f"{endpoint}", "code": "UNAVAILABLE", "exit": 78}),
                        (["-e", "ipc:/x", "ls"],
                         {"message": 'endpoint "ipc:/x" is no URL of ours; did you mean '
                                     '"ipc:///x"?', "exit": 2}),
                        (["poison", "eat"],
                         {"message": "poison: 'eat' is neither show nor clear", "exit": 2}),
                        (["get"], {"message": "get needs arguments; usage: statectl get KEY..."})):
                    done = statectl.run("-o", form, *arguments)
                    self.assertEqual((error.get("exit", 2), b""), (done.status, done.out))
                    self.assertEqual({"error": error}, json.loads(done.said))
                    self.assertEqual(1, done.said.count("\n"))
        with fake_server.FakeServer({sp.READ: (rpc_pb2.CODE_RESOURCE_EXHAUSTED, "later")}) as fake:
            done = statectl.run("-o", "json", "-e", fake.endpoint, "get", "a")
        self.assertEqual({"message": "later", "code": "RESOURCE_EXHAUSTED", "exit": 72},
                         json.loads(done.said)["error"])

    def test_what_a_server_says_does_not_command_the_terminal(self):
        hostile = "red \x1b[31m and\nnext\x07"
        tame = "red \\x1b[31m and\\nnext\\x07"
        health = admin_pb2.HealthResponse(state=1, reason=hostile)
        status = admin_pb2.StatusResponse(version=hostile, endpoints=[hostile])
        with fake_server.FakeServer({sp.READ: (rpc_pb2.CODE_INTERNAL, hostile), sp.HEALTH: health,
                                     sp.STATUS: status}) as fake:
            self.refused(77, "-e", fake.endpoint, "get", "a", says=tame)
            done = statectl.run("-e", fake.endpoint, "health")
            self.assertEqual(f"draining: {tame}\n", done.out.decode())
            self.assertEqual(2, self.ok("-e", fake.endpoint, "status").count(tame))

    def refused_with(self, code, commands):
        methods = (sp.READ, sp.WRITE, sp.WATCH, sp.HEALTH, sp.STATUS, QUEUE, CLEAR_POISON,
                   "stated.v1.AdminService/Snapshot", "stated.v1.AdminService/Check")
        name = rpc_pb2.Code.Name(code)
        answer = (code, f"it is {name}")
        with fake_server.FakeServer({method: answer for method in methods}) as fake:
            for command in commands:
                with self.subTest(name, command=command):
                    stdin = b'{"key":"a","value":"b"}'
                    self.refused(64 + code, "-e", fake.endpoint, *command, stdin=stdin,
                                 says=f"it is {name}")

    def test_every_code(self):
        for code in rpc_pb2.Code.values():
            if code != rpc_pb2.CODE_OK:
                self.refused_with(code, [["get", "a"]])

    def test_every_command(self):
        self.refused_with(rpc_pb2.CODE_INTERNAL, [*CALLING, ["poison", "clear"], ["ls", "--count"],
                                                  ["del", "--prefix", "a"]])

    def test_no_answer_in_time(self):
        silent = {method: fake_server.SILENT for method in (sp.READ, sp.WRITE, sp.HEALTH)}
        with fake_server.FakeServer(silent) as fake:
            for command in (["get", "a"], ["put", "a", "1"], ["ping"]):
                self.refused(68, "-e", fake.endpoint, "--timeout", "1000", *command)

    def test_interrupt(self):
        with fake_server.FakeServer({sp.READ: fake_server.SILENT, sp.WRITE: fake_server.SILENT,
                                     sp.HEALTH: fake_server.SILENT}) as fake:
            for command, method in ((["get", "a"], sp.READ), (["put", "a", "1"], sp.WRITE),
                                    (["ls"], sp.READ)):
                for number in (signal.SIGINT, signal.SIGTERM):
                    fake.calls.clear()
                    with statectl.start("-e", fake.endpoint, "--timeout", "600000",
                                        *command) as running:
                        fake.wait_for(method)
                        running.send_signal(number)
                        self.assertEqual(128 + number, running.wait(statectl.LIMIT_S))

    def test_closed_pipe(self):
        with server.Server() as running:
            with running.client() as client:
                for i in range(20):
                    client.put(b"k%d" % i, b"v" * 50_000)
            for command in (["ls"], ["export"], ["-o", "table", "ls"], ["-o", "json", "ls"]):
                reader, writer = os.pipe()
                with statectl.start("-e", running.ipc, *command, stdout=writer) as closed:
                    os.close(writer)
                    os.read(reader, 1)
                    os.close(reader)
                    said = closed.communicate(timeout=statectl.LIMIT_S)[1]
                self.assertEqual((141, b""), (closed.returncode, said), command)

    def test_closed_output(self):
        with server.Server() as running:
            command = f'"{statectl.STATECTL}" -e "{running.ipc}" "$@" >&-'
            for arguments in (["status"], ["put", "a", "1"], ["ls", "--count"]):
                done = subprocess.run(["sh", "-c", command, "sh", *arguments], check=False,
                                      capture_output=True, timeout=statectl.LIMIT_S)
                self.assertEqual(2, done.returncode, arguments)
                self.assertIn(b"cannot write to standard output", done.stderr)


class Server(Checks, server.ServedTestCase):
    """What operators ask a real server."""

    def json(self, *arguments):
        return json.loads(self.ok("-e", self.server.ipc, "-o", "json", *arguments))

    def ask(self, *arguments):
        return self.ok("-e", self.server.ipc, *arguments)

    def test_status(self):
        status = self.json("status")
        self.assertEqual(self.server.process.pid, status["pid"])
        self.assertEqual(str(self.server.data), status["data_directory"])
        self.assertEqual([self.server.ipc, self.server.tcp], status["endpoints"])
        self.assertEqual(("lmdb", "sync"), (status["store"]["engine"], status["store"]["durability"]))
        self.assertEqual(1 << 20, status["limits"]["max_message_bytes"])
        self.assertRegex(status["epoch"], r"\A[0-9a-f]{16}\Z")
        with self.server.client() as client:
            fields = admin_pb2.StatusResponse.DESCRIPTOR.fields_by_name
            self.assertEqual(set(fields), set(status))
            self.assertEqual(client.status().store.revision, status["store"]["revision"])
        self.assertEqual(1, self.ask("-o", "jsonl", "status").count("\n"))
        text = self.ask("status")
        for word in (self.server.ipc, self.server.tcp, str(self.server.data), "lmdb, sync", "1.0 MiB"):
            self.assertIn(word, text)

    def test_health(self):
        self.assertEqual("serving\n", self.ask("health"))
        self.assertEqual({"state": "serving", "reason": ""}, self.json("health"))

    def test_ping(self):
        self.assertRegex(self.ask("ping"), rf"\A{self.server.ipc} answered in \d+\.\d+ ms\n\Z")
        lines = self.ask("ping", "-n", "20").splitlines()
        self.assertEqual(21, len(lines))
        self.assertRegex(lines[-1], r"\A20 answers: least \S+ ms, p50 \S+ ms, p99 .* most \S+ ms\Z")
        figures = self.json("ping", "-n", "20")
        self.assertEqual(20, figures["answers"])
        self.assertLessEqual(figures["least_ms"], figures["p50_ms"])
        self.assertLessEqual(figures["p99_ms"], figures["most_ms"])
        self.assertEqual(3, self.ask("-o", "raw", "ping", "-n", "3").count("\n"))
        self.assertEqual(2, json.loads(self.ask("-o", "jsonl", "ping", "-n", "2").splitlines()[1])
                         ["sequence"])

    def test_version(self):
        text = self.ask("version")
        self.assertRegex(text, rf"\Astatectl \S+\nstated +\S+ at {self.server.ipc}\n\Z")
        self.assertEqual({"statectl", "stated"}, set(self.json("version")))
        self.assertEqual(self.ask("--version").split()[1] + "\n", self.ask("-o", "raw", "version"))

    def test_queue(self):
        self.ask("put", "a", "1")
        queue = self.json("queue")
        self.assertEqual(([], []), (queue["running"], queue["waiting"]))
        self.assertIn("write", [times["access"] for times in queue["times"]])
        self.assertRegex(self.ask("queue"), r"(?s)\A0 running\n0 waiting\n.* write +\S+ ")

    def test_bench(self):
        figures = json.loads(self.ask("-o", "json", "bench", "--calls", "50", "--keys", "3"))
        self.assertEqual((50, True), (figures["calls"], figures["order_ok"]))
        self.assertEqual(self.server.ipc, figures["endpoint"])
        self.assertIn("Usage: stated-bench", self.ask("bench", "--", "--help"))
        done = statectl.run("-e", self.server.ipc, "bench", "--frob")
        self.assertEqual(2, done.status)
        self.assertIn("--frob", done.said)

    def test_poison(self):
        self.assertEqual("the state is good\n", self.ask("poison", "show"))
        self.assertEqual({"poison": None}, self.json("poison", "show"))
        self.refused(73, "-e", self.server.ipc, "poison", "clear", says="not poisoned")


class Pictures(Checks):
    """What a server shows that is in a state no test can put a real one into."""

    def with_fake(self, answers):
        fake = fake_server.FakeServer(answers)
        fake.__enter__()
        self.addCleanup(fake.__exit__, None, None, None)
        return fake.endpoint

    def test_queue(self):
        endpoint = self.with_fake({QUEUE: BUSY})
        self.assertEqual([
            "1 running",
            "  TICKET      AGE  ACCESS  METHOD                        PEER",
            "       7  1.50 ms  write   stated.v1.StateService/Write  ipc pid 12",
            "5 waiting",
            "  TICKET     AGE  ACCESS  METHOD                       PEER",
            "       8  900 us  read    stated.v1.StateService/Read  tcp 10.0.0.0:99",
            "       9  899 us  read    stated.v1.StateService/Read  tcp 10.0.0.1:99",
            "      10  898 us  read    stated.v1.StateService/Read  tcp 10.0.0.2:99",
            "  and 2 more",
            "finished since the server started",
            "  ACCESS          CALLS  WAIT P50  WAIT P99  HOLD P50  HOLD P99",
            "  read committed  1,234      0 us     12 us   2.50 ms       3 s",
        ], self.ok("-e", endpoint, "queue").splitlines())
        shown = json.loads(self.ok("-e", endpoint, "-o", "json", "queue"))
        self.assertEqual("tcp 10.0.0.2:99", shown["waiting"][2]["peer"])

    def test_queue_asks_for_as_much_as_it_is_told(self):
        limits = []

        def queue(payload):
            limits.append(admin_pb2.QueueRequest.FromString(payload).limit)
            return BUSY

        endpoint = self.with_fake({QUEUE: queue})
        self.ok("-e", endpoint, "queue")
        self.ok("-e", endpoint, "queue", "--limit", "999")
        self.assertEqual([20, 999], limits)

    def test_poison(self):
        endpoint = self.with_fake({QUEUE: admin_pb2.QueueResponse(poison=POISON),
                                   CLEAR_POISON: admin_pb2.ClearPoisonResponse(poison=POISON)})
        line = "poisoned 1 min 01 s ago by ticket 42, shop.Orders/Place: half\\nwritten\n"
        done = statectl.run("-e", endpoint, "poison", "show")
        self.assertEqual((1, line, ""), (done.status, done.out.decode(), done.said))
        self.assertIn(line, self.ok("-e", endpoint, "queue"))
        self.assertEqual("cleared: " + line, self.ok("-e", endpoint, "poison", "clear"))
        done = statectl.run("-e", endpoint, "-o", "json", "poison", "show")
        self.assertEqual({"ticket": 42, "method": "shop.Orders/Place", "reason": "half\nwritten",
                          "age_ms": 61_000}, json.loads(done.out)["poison"])

    def test_health(self):
        for state, word in ((1, "draining"), (2, "poisoned"), (3, "read_only"), (4, "unhealthy")):
            endpoint = self.with_fake(
                {sp.HEALTH: admin_pb2.HealthResponse(state=state, reason="because")})
            done = statectl.run("-e", endpoint, "health")
            self.assertEqual((1, f"{word}: because\n", ""),
                             (done.status, done.out.decode(), done.said))

    def test_an_export_that_fails_half_way_leaves_the_file(self):
        def read(payload):
            if state_pb2.ReadRequest.FromString(payload).after:
                return rpc_pb2.CODE_UNAVAILABLE, "stopping"
            return state_pb2.ReadResponse(entries=[state_pb2.Entry(key=b"a")], more=True)

        endpoint = self.with_fake({sp.READ: read})
        with server.Directory() as folder:
            path = folder / "export"
            path.write_text("precious", encoding="ascii")
            self.refused(78, "-e", endpoint, "export", path, says="stopping")
            self.assertEqual("precious", path.read_text(encoding="ascii"))
            self.assertEqual([path], list(folder.iterdir()))

    def test_an_interrupted_export_ends_with_a_whole_line(self):
        def read(payload):
            request = state_pb2.ReadRequest.FromString(payload)
            number = int(request.after or b"0") + 1
            return state_pb2.ReadResponse(entries=[state_pb2.Entry(key=b"%d" % number)], more=True)

        endpoint = self.with_fake({sp.READ: read})
        process = statectl.start("-e", endpoint, "export")
        out = os.read(process.stdout.fileno(), 1000)
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=statectl.LIMIT_S)
        self.assertEqual(130, process.returncode)
        self.assertRegex(said.decode(), "interrupted after [0-9,]+ keys")
        self.assertTrue((out + rest).endswith(b'"}\n'))
        for line in (out + rest).splitlines():
            json.loads(line)
        with server.Directory() as folder:
            process = statectl.start("-e", endpoint, "export", folder / "file", "--progress")
            while not list(folder.iterdir()):
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=statectl.LIMIT_S)
            self.assertEqual(143, process.returncode)
            self.assertEqual([], list(folder.iterdir()))

    def test_an_export_says_how_far_it_is(self):
        answer = state_pb2.ReadResponse(entries=[state_pb2.Entry(key=b"a")], count=4)
        done = statectl.run("-e", self.with_fake({sp.READ: answer}), "export", "--progress")
        self.assertEqual(0, done.status, done)
        self.assertRegex(done.said, "^1 keys, [0-9,]+ keys/s, 25%")

    def test_an_export_tells_that_the_state_changed(self):
        def read(payload):
            after = state_pb2.ReadRequest.FromString(payload).after
            entry = state_pb2.Entry(key=b"b" if after else b"a")
            return state_pb2.ReadResponse(entries=[entry], more=not after,
                                          revision=8 if after else 5)

        done = statectl.run("-e", self.with_fake({sp.READ: read}), "export")
        self.assertEqual((0, 2), (done.status, done.out.count(b"\n")))
        self.assertIn("from revision 5 to 8", done.said)


class Orders(Checks):
    """verify-order over logs that stated-bench writes."""

    @classmethod
    def setUpClass(cls):
        with server.Server() as running, server.Directory() as folder:
            log = folder / "calls"
            subprocess.run([server.BUILD / "bin" / "stated-bench", "-e", running.ipc, "--calls",
                            "300", "--keys", "5", "--read-percent", "50", "--connections", "4",
                            "--order-log", log], check=True, capture_output=True,
                           timeout=statectl.LIMIT_S, env=statectl.environment())
            cls.log = log.read_bytes().splitlines(keepends=True)

    def check(self, status, lines, *options):
        done = statectl.run("verify-order", *options, "-", stdin=b"".join(lines))
        self.assertEqual(status, done.status, done)
        return done

    def broken(self):
        """The log with the tickets of two writes exchanged."""
        calls = [json.loads(line) for line in self.log]
        writes = [call for call in calls if call["method"].endswith("/Write") and call["ticket"]]
        first, last = writes[0], writes[-1]
        first["ticket"], last["ticket"] = last["ticket"], first["ticket"]
        return [json.dumps(call).encode() + b"\n" for call in calls]

    def test_in_order(self):
        done = self.check(0, self.log)
        self.assertIn(b"in order: ", done.out)
        self.assertEqual("", done.said)
        report = json.loads(self.check(0, self.log, "-o", "json").out)
        self.assertTrue(report["in_order"])
        self.assertGreaterEqual(report["calls"], 300)
        self.assertGreater(report["checked"], 0)

    def test_broken(self):
        done = self.check(1, self.broken())
        self.assertRegex(done.out, rb"\Aorder broken: .+\n\Z")
        report = json.loads(self.check(1, self.broken(), "-o", "json").out)
        self.assertFalse(report["in_order"])
        self.assertGreater(report["ticket"], 0)

    def test_by_time(self):
        for lines in (self.log, self.broken()):  # tickets do not count
            done = self.check(0, lines, "--by-time")
            self.assertIn(b"linearizable: ", done.out)
        report = json.loads(self.check(0, self.log, "--by-time", "-o", "json").out)
        self.assertTrue(report["linearizable"])
        self.assertGreaterEqual(report["checked"], 300)
        self.assertEqual((report["open"], report["key"], report["call"]), (0, None, None))

    def test_by_time_a_reply_that_nothing_explains(self):
        calls = [json.loads(line) for line in self.log]
        reads = [i for i, call in enumerate(calls) if call["method"].endswith("/Read")]
        response = state_pb2.ReadResponse.FromString(bytes.fromhex(calls[reads[-1]]["response"]))
        response.entries[0].value = b"nobody wrote this"
        calls[reads[-1]]["response"] = response.SerializeToString().hex()
        lines = [json.dumps(call).encode() + b"\n" for call in calls]
        done = self.check(1, lines, "--by-time")
        key = response.entries[0].key.decode()
        self.assertIn(f"not linearizable: no order of the calls on key {key} ", done.out.decode())
        report = json.loads(self.check(1, lines, "--by-time", "-o", "json").out)
        self.assertEqual((report["linearizable"], report["key"]), (False, key))
        self.assertGreater(report["call"], 0)

    def test_a_missing_call(self):
        calls = [line for line in self.log if json.loads(line)["ticket"]]
        self.check(1, calls[:50] + calls[51:], "--alone")

    def test_no_log(self):
        done = self.check(2, self.log[:3] + [b"nonsense\n"])
        self.assertIn("line 4", done.said)
        self.refused(2, "verify-order", "/nowhere/log", says="/nowhere/log")
        self.refused(2, "verify-order", says="FILE")


class OnATerminal(Checks, server.ServedTestCase):
    def show(self, *arguments, **options):
        status, shown = statectl.run_on_terminal("-e", self.server.ipc, *arguments, **options)
        self.assertEqual(0, status, shown)
        return shown.replace(b"\r\n", b"\n")

    def put(self, key, value):
        with self.server.client() as client:
            client.write(sp.delete(sp.prefix(b"")))
            client.put(key, value)

    def test_a_value_is_shown_safely(self):
        self.put(b"a", b"one\n\ttwo \x1b[31m\xff")
        self.assertEqual(b"one\n        two \\x1b[31m\\xff\n",
                         self.show("get", "a").expandtabs(8))

    def test_a_list_is_a_table_that_fits(self):
        self.put("日本".encode(), b"v" * 500)
        heading, row = self.show("ls", columns=60).decode().splitlines()
        self.assertEqual("\x1b[1mKEY   REVISION  VALUE\x1b[0m", heading)
        self.assertRegex(row, r"\A日本  +\d+  v+…\Z")
        self.assertEqual(60, len(row) + 2)

    def test_colours_when_told(self):
        self.put(b"a", b"1")
        always = statectl.run("--color", "always", "-e", self.server.ipc, "-o", "table", "ls",
                              NO_COLOR="1")
        self.assertIn(b"\x1b[1mKEY", always.out)
        self.assertNotIn(b"\x1b", self.show("--color", "never", "ls"))
        self.assertNotIn(b"\x1b", self.show("ls", STATECTL_COLOR="never"))
        self.assertIn(b"\x1b[1mKEY", self.show("ls", "--color=auto", STATECTL_COLOR="never"))
        self.refused(2, "--color", "blue", "ls", says="'blue' is none of auto, always, never")
        self.refused(2, "ls", says="STATECTL_COLOR: 'blue'", STATECTL_COLOR="blue")

    def test_errors_are_red(self):
        for variables, start in (({}, b"\x1b[31mstatectl:\x1b[0m no such"),
                                 ({"TERM": "dumb"}, b"statectl: no such")):
            status, shown = statectl.run_on_terminal("-e", self.server.ipc, "get", "none",
                                                     **variables)
            self.assertEqual(1, status)
            self.assertTrue(shown.startswith(start), shown)

    def test_no_bar_on_a_dumb_terminal(self):
        shown = self.show("import", "/dev/null", "--progress", TERM="dumb")
        self.assertNotIn(b"[#", shown)
        self.assertNotIn(b"\x1b", shown)

    def test_no_colours(self):
        self.put(b"a", b"1")
        for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn(b"\x1b", self.show("ls", **variables))
        self.assertIn(b"\x1b[32mserving", self.show("health"))

    def test_progress_bar(self):
        with server.Directory() as folder:
            path = folder / "lines"
            path.write_bytes(b"".join(b'{"key":"%d","value":""}\n' % i for i in range(100_000)))
            shown = self.show("import", path, "--batch", "16")
        self.assertRegex(shown, rb"\r\[#*\.*\] [\d,]+ keys, [\d,]+ keys/s, \d+%")
        self.assertRegex(shown, rb"\r\x1b\[Kimported 100,000 keys in [^\n]*\n\Z")

    def test_watch(self):
        terminal = statectl.Terminal("-e", self.server.ipc, "queue", "--watch")
        terminal.wait_for(b"\x1b[H", times=3)
        terminal.type(b"\x03")
        status, shown = terminal.end()
        self.assertEqual(130, status)
        self.assertIn(b"0 waiting", shown)
        # Whatever it had drawn when it was interrupted, nothing of an older picture is left below.
        self.assertTrue(shown.endswith(b"\x1b[?7h\x1b[J"), shown)

    def test_watch_of_a_server_that_goes_and_comes(self):
        with server.Server() as running:
            terminal = statectl.Terminal("-e", running.ipc, "--timeout", "300", "status", "--watch",
                                         "--interval", "50")
            terminal.wait_for(b"lmdb, sync")
            running.kill()
            terminal.wait_for(b"statectl:\x1b[0m ")
            running.start()
            terminal.shown = b""
            terminal.wait_for(b"lmdb, sync")
            terminal.type(b"\x03")
            self.assertEqual(130, terminal.end()[0])

    def test_watch_on_a_terminal_that_cannot_move_its_cursor(self):
        terminal = statectl.Terminal("-e", self.server.ipc, "queue", "--watch", "--interval", "50",
                                     TERM="dumb")
        terminal.wait_for(b"0 waiting", times=3)
        terminal.type(b"\x03")
        status, shown = terminal.end()
        self.assertEqual(130, status)
        self.assertNotIn(b"\x1b", shown)

    def test_a_picture_is_cut_to_the_screen(self):
        calls = [admin_pb2.QueuedCall(ticket=i, method="m" * 200) for i in range(1, 60)]
        picture = admin_pb2.QueueResponse(waiting=calls, waiting_calls=59)
        with fake_server.FakeServer({QUEUE: picture}) as fake:
            terminal = statectl.Terminal("-e", fake.endpoint, "queue", "--watch")
            terminal.wait_for(b"\x1b[J")
            terminal.type(b"\x03")
            status, shown = terminal.end()
        self.assertEqual(130, status)
        first = shown[:shown.index(b"\x1b[J")]
        self.assertEqual(23, first.count(b"\n"))

    def test_watch_elsewhere(self):
        with statectl.start("-e", self.server.ipc, "queue", "-w", "-o", "jsonl") as running:
            pictures = [json.loads(running.stdout.readline()) for _ in range(2)]
            running.send_signal(signal.SIGINT)
            self.assertEqual(130, running.wait(statectl.LIMIT_S))
        self.assertEqual(0, pictures[1]["waiting_calls"])


if __name__ == "__main__":
    unittest.main()
