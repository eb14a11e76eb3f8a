"""Does `statectl watch` show or hand on every change once, whatever happens to the server, and
`statectl history` what is known of a key?"""

import base64
import json
import signal
import unittest

import fake_server
import server
import sp
import statectl
from stated.v1 import rpc_pb2, state_pb2

OUT_OF_RANGE = 64 + rpc_pb2.CODE_OUT_OF_RANGE


class Watching:
    """A running `statectl watch`, whose lines are read as they come."""

    def __init__(self, served, *arguments):
        self.popen = statectl.start("-e", served.ipc, "watch", *arguments)

    def line(self):
        line = self.popen.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {self.popen.communicate()}")
        return line

    def event(self):
        return json.loads(self.line())

    def end(self, number=signal.SIGINT):
        """(status, the rest of the output, what it said)."""
        if number:
            self.popen.send_signal(number)
        out, said = self.popen.communicate(timeout=statectl.LIMIT_S)
        return self.popen.returncode, out, said.decode()


class OneServer(unittest.TestCase):
    def setUp(self):
        self.served = server.Server()
        self.served.__enter__()
        self.addCleanup(self.served.__exit__, None, None, None)
        self.client = self.served.client()
        self.addCleanup(self.client.close)

    def parked(self, count):
        self.served.process.wait_until(
            lambda: self.client.status().queue.parked_calls == count, f"{count} were parked")

    def run_ctl(self, *arguments, status=0, says="", **options):
        done = statectl.run("-e", self.served.ipc, *arguments, **options)
        self.assertEqual(done.status, status, done)
        self.assertIn(says, done.said)
        if not says:
            self.assertEqual(done.said, "")
        return done.out


class Watch(OneServer):
    def test_changes_are_shown_as_they_happen(self):
        watching = Watching(self.served, "--prefix", "w/")
        self.parked(1)
        self.client.put(b"other", b"0")
        first = self.client.put(b"w/a", b"1").revision
        self.assertEqual(watching.event(), {
            "type": "put", "revision": first, "key": "w/a", "value": "1",
            "create_revision": first, "version": 1})
        self.client.put(b"w/a", b"\xff\0")
        event = watching.event()
        self.assertEqual((event["value_base64"], event["previous"]["value"], event["version"]),
                         ("/wA=", "1", 2))
        self.client.write(sp.delete(sp.key(b"w/a")))
        event = watching.event()
        self.assertEqual((event["type"], event["previous"]["value_base64"]), ("delete", "/wA="))
        self.assertNotIn("version", event)
        self.parked(1)
        self.assertEqual(watching.end(), (130, b"", ""))
        self.parked(0)

    def test_other_signals_end_it_as_well(self):
        watching = Watching(self.served)
        self.parked(1)
        self.assertEqual(watching.end(signal.SIGTERM), (143, b"", ""))

    def test_it_ends_with_the_reader_of_what_it_prints(self):
        """Also when there is nothing to print: as in `statectl watch --from 1 | head -1`."""
        first = self.client.put(b"a", b"1").revision
        watching = Watching(self.served, "--from", str(first))
        watching.event()
        self.parked(1)
        watching.popen.stdout.close()
        self.assertEqual(watching.popen.wait(statectl.LIMIT_S), 128 + signal.SIGPIPE)
        self.assertEqual(watching.popen.stderr.read(), b"")
        watching.popen.stderr.close()
        self.parked(0)

    def test_a_command_needs_no_reader(self):
        watching = Watching(self.served, "--limit", "1", "--", "true")
        self.parked(1)
        watching.popen.stdout.close()
        self.client.put(b"a", b"1")
        self.assertEqual(watching.popen.wait(statectl.LIMIT_S), 0)
        watching.popen.stderr.close()

    def test_formats(self):
        first = self.client.put(b"a", b"1").revision
        self.client.put(b"a", b"two\nlines")
        last = self.client.write(sp.delete(sp.key(b"a"))).revision
        begin = ["watch", "a", "--from", str(first), "--limit", "3"]
        self.assertEqual(self.run_ctl(*begin, "-o", "raw"),
                         b"put\t%d\ta\t1\nput\t%d\ta\ttwo\nlines\ndelete\t%d\ta\n"
                         % (first, first + 1, last))
        rows = self.run_ctl(*begin, "-o", "table").decode().split("\n")
        self.assertEqual([row.split() for row in rows],
                         [["REVISION", "CHANGE", "KEY", "VALUE"], [str(first), "put", "a", "1"],
                          [str(first + 1), "put", "a", "two\\nlines"],
                          [str(last), "delete", "a"], []])
        lines = self.run_ctl(*begin, "-o", "jsonl").splitlines()
        self.assertEqual([json.loads(line)["revision"] for line in lines],
                         [first, first + 1, last])
        documents = self.run_ctl(*begin, "-o", "json").decode().split("\n}\n")
        self.assertEqual(len(documents), 4)
        status, shown = statectl.run_on_terminal("-e", self.served.ipc, *begin)
        self.assertEqual(status, 0)
        self.assertIn(b"delete", shown)

    def test_it_goes_on_over_a_restart_and_misses_nothing(self):
        watching = Watching(self.served, "--prefix", "")
        self.parked(1)
        self.client.put(b"a", b"1")
        self.assertEqual(watching.event()["value"], "1")
        self.parked(1)  # else no call is lost, and nothing is said
        self.served.kill()
        tcp = self.served.tcp
        self.served.start()
        self.assertNotEqual(tcp, None)
        with self.served.client() as client:
            client.put(b"a", b"2")
            self.assertEqual(watching.event()["value"], "2")
        status, out, said = watching.end()
        self.assertEqual((status, out), (130, b""))
        self.assertIn("connected again; no change was missed", said)

    def test_a_position_that_is_gone_or_to_come_is_said(self):
        self.assertEqual(self.run_ctl("watch", "a", "--from", "1000", status=OUT_OF_RANGE,
                                      says="1000 is still to come"), b"")

    def test_mistakes_are_named(self):
        for arguments, word in ((["watch", "a", "b"], "fewer arguments"),
                                (["watch", "a", "--prefix", "b"], "not both"),
                                (["watch", "a", "--"], "which command"),
                                (["watch", "--from", "0"], "--from: '0'"),
                                (["watch", "--limit", "x"], "--limit: 'x'"),
                                (["watch", "--frob"], "--frob"), (["wacht"], "did you mean 'watch'"),
                                (["histroy"], "did you mean 'history'"),
                                (["history"], "history KEY"), (["history", "a", "b"], "KEY")):
            with self.subTest(arguments):
                self.run_ctl(*arguments, status=2, says=word)
        self.assertIn(b"STATECTL_EVENT_TYPE", self.run_ctl("watch", "--help"))
        self.assertIn(b"oldest first", self.run_ctl("history", "--help"))


class Command(OneServer):
    def watch(self, *command, limit, status=0, says="", **options):
        return self.run_ctl("watch", "--prefix", "w/", "--from", "1", "--limit", str(limit), "--",
                            *command, status=status, says=says, **options)

    def test_it_has_the_event_in_its_environment(self):
        first = self.client.put(b"w/a", b"1").revision
        self.client.put(b"w/a", b"\0\xff")
        self.client.write(sp.delete(sp.key(b"w/a")))
        out = self.watch("sh", "-c", "env -0 | grep -z ^STATECTL_EVENT_ | sort -z; echo", limit=3,
                         STATECTL_EVENT_VERSION="not ours")
        events = [dict(line.split("=", 1) for line in text.decode().split("\0")[:-1])
                  for text in out.split(b"\n")[:-1]]
        name = base64.b64encode(b"w/a").decode()
        self.assertEqual(events[0], {
            "STATECTL_EVENT_TYPE": "put", "STATECTL_EVENT_REVISION": str(first),
            "STATECTL_EVENT_KEY": "w/a", "STATECTL_EVENT_KEY_BASE64": name,
            "STATECTL_EVENT_VALUE": "1", "STATECTL_EVENT_VALUE_BASE64": "MQ==",
            "STATECTL_EVENT_CREATE_REVISION": str(first), "STATECTL_EVENT_VERSION": "1"})
        self.assertNotIn("STATECTL_EVENT_VALUE", events[1])
        self.assertEqual((events[1]["STATECTL_EVENT_VALUE_BASE64"],
                          events[1]["STATECTL_EVENT_PREVIOUS_VALUE"]), ("AP8=", "1"))
        self.assertEqual(events[2], {
            "STATECTL_EVENT_TYPE": "delete", "STATECTL_EVENT_REVISION": str(first + 2),
            "STATECTL_EVENT_KEY": "w/a", "STATECTL_EVENT_KEY_BASE64": name,
            "STATECTL_EVENT_PREVIOUS_VALUE_BASE64": "AP8=",
            "STATECTL_EVENT_PREVIOUS_REVISION": str(first + 1)})

    def test_values_come_exactly_on_standard_input(self):
        values = [b"", b"a\nb", bytes(range(256)), b"x" * 500_000]
        for value in values:
            self.client.put(b"w/a", value)
        self.assertEqual(self.watch("cat", limit=len(values)), b"".join(values))
        # One that does not read it is no trouble.
        self.watch("true", limit=len(values))

    def test_its_failure_ends_the_watch(self):
        revision = self.client.put(b"w/a", b"1").revision
        self.client.put(b"w/a", b"2")
        out = self.watch("sh", "-c", "echo once; exit 3", limit=2, status=1,
                         says=f"ended with status 3 for revision {revision}; go on with --from "
                              f"{revision}")
        self.assertEqual(out, b"once\n")
        self.watch("sh", "-c", "kill -9 $$", limit=2, status=1, says="signal 9")
        self.watch("/no/such/program", limit=2, status=2, says="/no/such/program: No such file")

    def test_dashes_belong_to_the_command(self):
        self.client.put(b"w/a", b"1")
        self.assertEqual(self.watch("echo", "-o", "json", "--", "-x", limit=1), b"-o json -- -x\n")


class History(OneServer):
    def test_all_changes_of_a_key_in_order(self):
        self.client.put(b"a", b"1")
        for i in range(600):
            self.client.write(sp.put(b"b", b"%d" % i))
        self.client.put(b"a", b"2")
        self.client.write(sp.delete(sp.key(b"a")))
        self.client.put(b"b", b"last")
        lines = self.run_ctl("history", "a").splitlines()
        self.assertEqual([(json.loads(line)["type"], json.loads(line).get("value"))
                          for line in lines], [("put", "1"), ("put", "2"), ("delete", None)])
        document = json.loads(self.run_ctl("history", "a", "-o", "json"))
        self.assertEqual((document["oldest_revision"], len(document["events"])), (1, 3))
        self.assertIn(b"REVISION  CHANGE  KEY  VALUE", self.run_ctl("history", "a", "-o", "table"))
        self.assertEqual(self.run_ctl("history", "a", "-o", "raw").split(b"\n")[0],
                         b"put\t1\ta\t1")
        self.run_ctl("history", "none", status=1, says="no change of none since revision 1")


class Retention(unittest.TestCase):
    """With a change log that keeps little."""

    def test_what_was_dropped_is_said(self):
        with server.Server("--retention-revisions", "100") as served, served.client() as client:
            self.assertEqual(client.put(b"a", b"old").revision, 1)
            for i in range(400):
                client.put(b"b", b"%d" % i)
            client.put(b"a", b"new")
            oldest = client.status().store.oldest_revision
            self.assertGreater(oldest, 1)
            with self.assertRaises(sp.RpcError) as refused:
                client.watch(sp.key(b"a"), 1)
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_OUT_OF_RANGE)
            self.assertIn(f"its oldest is {oldest}", refused.exception.message)

            done = statectl.run("-e", served.ipc, "watch", "a", "--from", "1")
            self.assertEqual((done.status, done.out), (OUT_OF_RANGE, b""), done)
            self.assertIn(f"its oldest is {oldest}", done.said)
            done = statectl.run("-e", served.ipc, "history", "a")
            self.assertEqual((done.status, json.loads(done.out)["value"]), (0, "new"), done)
            self.assertIn(f"the change log begins with revision {oldest}", done.said)
            done = statectl.run("-e", served.ipc, "history", "-o", "json", "a")
            self.assertEqual(json.loads(done.out)["oldest_revision"], oldest)


class Failures(unittest.TestCase):
    """What a server may say that a real one says rarely."""

    def test_changes_that_were_missed_are_said(self):
        event = state_pb2.Event(entry=state_pb2.Entry(key=b"a", value=b"1", mod_revision=7))
        answers = [state_pb2.WatchResponse(next_revision=7),
                   state_pb2.WatchResponse(events=[event], next_revision=8),
                   (rpc_pb2.CODE_OUT_OF_RANGE, "its oldest is 90")]
        asked = []

        def answer(payload):
            asked.append(state_pb2.WatchRequest.FromString(payload))
            return answers[min(len(asked), len(answers)) - 1]

        with fake_server.FakeServer({sp.WATCH: answer}) as fake:
            done = statectl.run("-e", fake.endpoint, "watch", "a")
        self.assertEqual(done.status, OUT_OF_RANGE, done)
        self.assertEqual(done.said, "statectl: changes were missed: its oldest is 90\n")
        self.assertEqual(json.loads(done.out)["revision"], 7)
        self.assertEqual([request.from_revision for request in asked], [0, 7, 8])


if __name__ == "__main__":
    unittest.main(verbosity=2)
