"""Does an import write every line in its order, name a wrong one, and count what it wrote, whatever
happens to it?"""

import json
import pathlib
import random
import re
import shutil
import signal
import tempfile
import unittest

import fake_server
import server
import sp
import statectl
from stated.v1 import admin_pb2, rpc_pb2, state_pb2


def line(key, value):
    return json.dumps({"key": key, "value": value}).encode() + b"\n"


def lines(count, prefix="k/"):
    return b"".join(line(f"{prefix}{i:06}", f"value {i}") for i in range(count))


class Import(server.ServedTestCase):
    def setUp(self):
        with self.server.client() as client:
            client.write(sp.delete(sp.prefix(b"")))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stated-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def file(self, content):
        path = self.folder / "lines"
        path.write_bytes(content)
        return path

    def run_it(self, *arguments, **options):
        return statectl.run("-e", self.server.ipc, "import", *arguments, **options)

    def ok(self, *arguments, **options):
        done = self.run_it("-o", "json", *arguments, **options)
        self.assertEqual((0, ""), (done.status, done.said), done)
        return json.loads(done.out)

    def refused(self, status, *arguments, says, **options):
        done = self.run_it(*arguments, **options)
        self.assertEqual((status, b""), (done.status, done.out), done)
        self.assertRegex(done.said, r"\Astatectl: [^\n]*\n\Z")
        self.assertIn(says, done.said)

    def held(self):
        with self.server.client() as client:
            found, after, more = {}, b"", True
            while more:
                page = client.read(sp.prefix(b""), after=after)
                found.update((entry.key, entry.value) for entry in page.entries)
                after, more = page.entries[-1].key if page.entries else b"", page.more
        return found

    def test_every_line(self):
        path = self.file(lines(5000))
        figures = self.ok(path)
        self.assertEqual(5000, figures["keys"])
        self.assertEqual(-(-5000 // 64), figures["writes"])
        self.assertEqual({b"k/%06d" % i: b"value %d" % i for i in range(5000)}, self.held())

    def test_counts_in_other_words(self):
        self.assertRegex(self.run_it(stdin=lines(2)).out,
                         rb"\Aimported 2 keys in \d+\.\d\d s, [\d,]+ keys/s\n\Z")
        self.assertEqual(b"3\n", self.run_it("-o", "raw", stdin=lines(3)).out)

    def test_one_connection_and_one_key_at_a_time(self):
        figures = self.ok("--connections", "1", "--batch", "1", stdin=lines(50))
        self.assertEqual((50, 50), (figures["keys"], figures["writes"]))

    def test_many_connections(self):
        self.assertEqual(3000, self.ok("-c", "50", "--batch", "7", stdin=lines(3000))["keys"])
        self.assertEqual(3000, len(self.held()))

    def test_batches_fit_into_a_message(self):
        content = b"".join(line(f"k{i}", "v" * 50_000) for i in range(100))
        self.assertEqual(100, self.ok("--batch", "4096", stdin=content)["keys"])
        self.assertEqual(100, len(self.held()))

    def test_lines_with_odd_ends(self):
        content = b"\n" + line("a", "1").strip() + b"\r\n\n  \t\n" + line("b", "2").strip()
        self.assertEqual(2, self.ok(stdin=content)["keys"])
        self.assertEqual({b"a": b"1", b"b": b"2"}, self.held())

    def test_nothing(self):
        self.assertEqual(0, self.ok(stdin=b"")["keys"])
        self.assertEqual(0, self.ok(stdin=b"\n\n")["keys"])

    def test_the_later_of_two_lines_wins(self):
        seed = random.SystemRandom().getrandbits(32)
        print(f"seed {seed}", flush=True)
        source = random.Random(seed)
        for _ in range(5):
            self.setUp()
            written, content = {}, []
            for i in range(3000):
                key = f"k{int(source.expovariate(1) * 30)}"
                written[key.encode()] = str(i).encode()
                content.append(line(key, str(i)))
            path = self.file(b"".join(content))
            figures = self.ok("-c", "8", "--batch", source.choice(["1", "8", "64"]), path)
            self.assertEqual(3000, figures["keys"])
            self.assertEqual(written, self.held())

    def test_a_wrong_line(self):
        good = lines(100)
        for wrong, word in ((b"{", "JSON"), (b'{"key":1,"value":""}', '"key" is not a string'),
                            (b'{"key":"a"}', "value"), (b'{"key":"","value":""}', "0 bytes"),
                            (line("k" * 481, ""), "481 bytes"),
                            (line("big", "x" * (1 << 20)), "limit"),
                            (b'{"key":"a","value_base64":"?"}', "base64")):
            with self.subTest(word):
                with self.server.client() as client:
                    client.write(sp.delete(sp.prefix(b"")))
                path = self.file(good + wrong.strip() + b"\n" + lines(50, "later/"))
                self.refused(2, path, says=f"{path}, line 101: ")
                held = self.held()
                self.assertEqual(64, len(held))
                self.assertNotIn(b"k/000064", held)
                self.refused(2, path, says=word)
                self.refused(2, path, says="; 64 keys written")

    def test_the_first_line_is_wrong(self):
        self.refused(2, "-", stdin=b"oops\n", says="standard input, line 1: ")
        self.assertEqual({}, self.held())

    def test_what_cannot_be_read(self):
        self.refused(2, self.folder / "none", says=f"{self.folder}/none: No such file")
        self.refused(2, self.folder, says="Is a directory")
        self.refused(2, "a", "b", says="fewer arguments")
        for option, value in (("--connections", "0"), ("--batch", "0"), ("--batch", "4097"),
                              ("--connections", "x")):
            self.refused(2, option, value, says=f"{option}: '{value}'")

    def test_ack_log(self):
        log = self.folder / "acks"
        log.write_text('"earlier"\n', encoding="ascii")
        content = lines(200) + b'{"key_base64":"/w==","value":""}\n' + line('"\n', "")
        self.ok("--ack-log", log, stdin=content)
        logged = [json.loads(text) for text in log.read_text(encoding="ascii").splitlines()]
        self.assertEqual("earlier", logged[0])
        self.assertEqual(203, len(logged))
        expected = [f"k/{i:06}" for i in range(200)] + ['"\n']
        self.assertCountEqual(expected, [key for key in logged[1:] if isinstance(key, str)])
        self.assertIn({"key_base64": "/w=="}, logged)
        self.refused(2, "--ack-log", self.folder / "none" / "acks", stdin=lines(1), says="acks")

    def test_an_ack_log_that_cannot_be_written(self):
        done = self.run_it("--ack-log", "/dev/full", stdin=lines(10))
        self.assertNotEqual(0, done.status)
        self.assertIn("ack log", done.said)

    def test_progress(self):
        path = self.file(lines(500))
        self.assertEqual("", self.run_it(path).said)
        self.assertRegex(self.run_it("--progress", path).said,
                         r"\A(?:[^\n]*\n)*500 keys, [\d,]+ keys/s, 100%\n\Z")
        self.assertRegex(self.run_it("--progress", stdin=lines(5)).said,
                         r"5 keys, [\d,]+ keys/s\n\Z")

    def test_what_is_there_is_written_now(self):
        """A line that comes alone does not wait for others."""
        with statectl.start("-e", self.server.ipc, "import", stdin=-1) as running, \
                self.server.client() as client:
            for i in range(5):
                running.stdin.write(line(f"live/{i}", str(i)))
                running.stdin.flush()
                self.server.process.wait_until(
                    lambda number=i: client.get(b"live/%d" % number) is not None, "it was written")
            out, said = running.communicate(timeout=statectl.LIMIT_S)
        self.assertEqual((0, b""), (running.returncode, said))
        self.assertIn(b"imported 5 keys", out)

    def test_interrupt(self):
        with statectl.start("-e", self.server.ipc, "import", stdin=-1) as running, \
                self.server.client() as client:
            running.stdin.write(lines(100))
            running.stdin.flush()
            self.server.process.wait_until(
                lambda: client.get(b"k/000099") is not None, "it was written")
            running.send_signal(signal.SIGINT)
            self.assertEqual(130, running.wait(statectl.LIMIT_S))
            self.assertEqual(b"statectl: interrupted; 100 keys written\n", running.stderr.read())


class OtherServers(unittest.TestCase):
    """Imports into servers of their own."""

    def test_killed_server(self):
        with server.Server() as running, server.Directory() as folder:
            path, log = folder / "lines", folder / "acks"
            path.write_bytes(lines(300_000))
            with statectl.start("-e", running.ipc, "--timeout", "2000", "import", path, "--batch",
                                "4", "--ack-log", log) as importing:
                running.process.wait_until(lambda: log.exists() and log.stat().st_size > 10_000,
                                           "keys were acknowledged")
                running.kill()
                said = importing.communicate(timeout=statectl.LIMIT_S)[1].decode()
            self.assertEqual(78, importing.returncode, said)
            count = int(re.search(r"([\d,]+) keys written\n\Z", said).group(1).replace(",", ""))
            logged = [json.loads(key) for key in log.read_text(encoding="ascii").splitlines()]
            self.assertEqual(count, len(logged))
            running.start()
            with running.client() as client:
                for key in logged:
                    number = int(key[2:])
                    self.assertEqual(b"value %d" % number, client.get(key.encode()), key)

    def test_killed_import(self):
        with server.Server() as running, server.Directory() as folder:
            path, log = folder / "lines", folder / "acks"
            path.write_bytes(lines(300_000))
            with statectl.start("-e", running.tcp, "import", path, "--batch", "4", "--ack-log",
                                log) as importing:
                running.process.wait_until(lambda: log.exists() and log.stat().st_size > 10_000,
                                           "keys were acknowledged")
                importing.kill()
            # The last line may be half there.
            logged = log.read_bytes().split(b"\n")[:-1]
            with running.client() as client:
                for key in map(json.loads, logged):
                    self.assertEqual(b"value %d" % int(key[2:]), client.get(key.encode()), key)

    def test_overload_is_waited_out(self):
        with server.Server("--max-queue", "2") as running:
            done = statectl.run("-e", running.ipc, "-o", "json", "import", "--connections", "16",
                                "--batch", "2", stdin=lines(2000))
            self.assertEqual((0, ""), (done.status, done.said))
            figures = json.loads(done.out)
            self.assertEqual(2000, figures["keys"])
            self.assertGreater(figures["retries"], 0)
            with running.client() as client:
                self.assertEqual(2000, client.read(sp.prefix(b""), count_only=True).count)

    def test_a_server_with_a_small_limit(self):
        with server.Server("--max-message", "8192") as running:
            content = b"".join(line(f"k{i}", "v" * 500) for i in range(500))
            done = statectl.run("-e", running.ipc, "import", stdin=content)
            self.assertEqual((0, ""), (done.status, done.said))
            done = statectl.run("-e", running.ipc, "import", stdin=line("a", "x" * 10_000))
            self.assertEqual(2, done.status)
            self.assertIn("8192", done.said)

    def test_nobody_there(self):
        with server.Directory() as folder:
            done = statectl.run("-e", f"ipc://{folder}/none", "--timeout", "100", "import",
                                stdin=lines(1))
            self.assertEqual(78, done.status)
            self.assertIn(f"{folder}/none", done.said)

    def test_a_refused_batch_is_named(self):
        def write(payload):
            request = state_pb2.WriteRequest.FromString(payload)
            if any(mutation.put.key == b"k/000025" for mutation in request.mutations):
                return rpc_pb2.CODE_PERMISSION_DENIED, "not that one"
            return state_pb2.WriteResponse(applied=True)

        with fake_server.FakeServer({sp.WRITE: write}) as fake:
            done = statectl.run("-e", fake.endpoint, "import", "--batch", "10", "-c", "1",
                                stdin=lines(30))
            self.assertEqual(71, done.status)
            self.assertIn("lines 21 to 30: not that one; 20 keys written", done.said)
            done = statectl.run("-e", fake.endpoint, "import", "--batch", "1", "-c", "1",
                                stdin=lines(30))
            self.assertIn("line 26: not that one", done.said)

    def test_an_interrupt_waits_for_what_is_on_its_way_and_a_second_one_does_not(self):
        with fake_server.FakeServer({sp.WRITE: fake_server.SILENT,
                                     sp.STATUS: admin_pb2.StatusResponse()}) as fake:
            with statectl.start("-e", fake.endpoint, "--timeout", "600000", "import",
                                stdin=-1) as running:
                running.stdin.write(lines(1))
                running.stdin.flush()
                fake.wait_for(sp.WRITE)
                running.send_signal(signal.SIGINT)
                running.send_signal(signal.SIGTERM)
                self.assertIn(running.wait(statectl.LIMIT_S), (130, 143))


if __name__ == "__main__":
    unittest.main()
