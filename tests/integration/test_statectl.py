"""Does statectl do what it says, with any bytes, in every format, and end with the right status?"""

import base64
import json
import random
import unittest

import sp
import statectl
from served_statectl import EVERY_BYTE, Served


class Keys(Served):
    def test_put_and_get(self):
        self.assertRegex(self.ok("put", "a", "one"), rb"\Arevision \d+\n\Z")
        self.assertEqual(b"one", self.held(b"a"))
        self.assertEqual(b"one", self.ok("get", "a"))
        self.assertEqual(b"one", self.ok("get", "--committed", "a"))

    def test_values_of_any_bytes(self):
        self.ok("put", "in", "-", stdin=EVERY_BYTE)
        self.assertEqual(EVERY_BYTE, self.held(b"in"))
        self.assertEqual(EVERY_BYTE, self.ok("get", "in"))
        self.assertEqual(EVERY_BYTE, self.ok("-o", "raw", "get", "in"))
        path = self.folder / "value"
        path.write_bytes(EVERY_BYTE[::-1])
        self.ok("put", "file", "-f", path)
        self.assertEqual(EVERY_BYTE[::-1], self.held(b"file"))
        self.ok("put", "nothing", "")
        self.assertEqual(b"", self.held(b"nothing"))
        self.assertEqual(b"", self.ok("get", "nothing"))

    def test_keys_of_any_bytes(self):
        key = b"\x00\xff" + EVERY_BYTE[1:200]
        encoded = base64.b64encode(key)
        self.ok("--base64", "put", encoded, "value")
        self.assertEqual(b"value", self.held(key))
        self.assertEqual(b"value", self.ok("get", "--base64", encoded))
        self.assertEqual(encoded.decode(), self.json("ls")[0]["key_base64"])
        self.ok("del", "--base64", encoded)
        self.refused(1, "get", "--base64", encoded, says="\\x00\\xff")
        self.refused(2, "get", "--base64", "!", says="'!' is not base64")

    def test_a_large_value(self):
        value = random.Random(1).randbytes((1 << 20) - 1000)
        self.ok("put", "large", "-", stdin=value)
        self.assertEqual(value, self.ok("get", "large"))

    def test_several_keys(self):
        first, second = self.put(b"a", b"1"), self.put(b"b", b"\xff")
        one = {"key": "a", "value": "1", "create_revision": first, "mod_revision": first,
               "version": 1}
        two = {"key": "b", "value_base64": "/w==", "create_revision": second,
               "mod_revision": second, "version": 1}
        self.assertEqual([two, one, one], self.json("get", "b", "a", "a"))
        self.assertEqual(one, self.json("get", "a"))
        lines = self.ok("get", "a", "b").splitlines()
        self.assertEqual([one, two], [json.loads(line) for line in lines])
        self.assertEqual(b"1\n\xff\n", self.ok("-o", "raw", "get", "a", "b"))
        self.assertEqual(b"KEY  VALUE\na    1\nb    \\xff\n", self.ok("-o", "table", "get", "a", "b"))
        self.assertEqual(b"1\n", self.ok("-o", "table", "get", "a"))

    def test_several_keys_that_need_several_replies(self):
        keys = [f"k{i}" for i in range(8)]
        for key in keys:
            self.put(key.encode(), key.encode() * 100_000)
        lines = self.ok("get", *keys).splitlines()
        self.assertEqual([key * 100_000 for key in keys],
                         [json.loads(line)["value"] for line in lines])

    def test_a_key_that_is_not_there(self):
        self.put(b"b", b"2")
        self.assertEqual(b"", self.refused(1, "get", "a\n", says="no such key: a\\n"))
        for form in ("raw", "table"):
            self.assertIn(b"2", self.refused(1, "-o", form, "get", "a", "b", says="no such key: a"))
        for form in ("json", "jsonl"):
            done = self.run_it("-o", form, "get", "a", "b")
            self.assertEqual((1, {"error": {"message": "no such key: a", "exit": 1}}),
                             (done.status, json.loads(done.said)))
            self.assertIn(b"2", done.out)

    def test_guards(self):
        first = self.json("put", "a", "1", "--if-absent")["revision"]
        self.refused(1, "put", "a", "2", "--if-absent", says=f"key a is there, at revision {first}")
        self.refused(1, "put", "a", "2", "--if-revision", str(first + 1), says=f"revision {first}")
        self.refused(1, "put", "b", "2", "--if-revision", "1", says="there is no key b")
        self.assertEqual(b"1", self.held(b"a"))
        self.ok("put", "a", "2", "--if-revision", str(first))
        self.assertEqual(b"2", self.held(b"a"))

    def test_what_put_does_not_understand(self):
        self.refused(2, "put", "a", says="needs a value")
        self.refused(2, "put", "a", "b", "c", says="fewer arguments")
        self.refused(2, "put", "a", "b", "-f", "c", says="not both")
        self.refused(2, "put", "a", "-f", self.folder / "none", says=f"{self.folder}/none")
        self.refused(2, "put", "a", "-f", self.folder, says="directory")
        self.refused(2, "put", "a", "b", "--if-absent", "--if-revision", "1", says="exclude")
        self.refused(2, "put", "a", "b", "--if-revision", "0", says="'0'")
        self.assertIsNone(self.held(b"a"))

    def test_formats_of_a_write(self):
        revision = self.put(b"x", b"")
        self.assertEqual(f"revision {revision + 1}\n".encode(), self.ok("put", "a", "1"))
        self.assertEqual(f"{revision + 2}\n".encode(), self.ok("-o", "raw", "put", "a", "1"))
        self.assertEqual({"revision": revision + 3}, self.json("put", "a", "1"))
        self.assertEqual({"deleted": 1, "revision": revision + 4}, self.json("del", "a"))
        self.assertEqual({"value": 5, "revision": revision + 5}, self.json("add", "n", "5"))

    def test_limits_of_keys_and_values(self):
        self.refused(67, "put", "", "value", says="empty")
        self.refused(67, "get", "", says="empty")
        self.refused(67, "put", "k" * 481, "value", says="481 bytes")
        self.ok("put", "k" * 480, "value")
        limit = 1 << 20
        self.refused(67, "put", "a", "-", stdin=b"x" * (limit + 1), says=f"{limit} bytes")
        self.refused(67, "put", "a", "-", stdin=b"x" * limit, says=f"{limit}")
        self.assertIsNone(self.held(b"a"))

    def test_numbers(self):
        self.assertEqual(b"1\n", self.ok("add", "n"))
        self.assertEqual(b"-11\n", self.ok("add", "n", "-12"))
        self.assertEqual(b"-14\n", self.ok("add", "n", "-3", "--timeout", "5000"))
        self.assertEqual(b"-15\n", self.ok("add", "n", "--", "-1"))
        self.assertEqual(b"0\n", self.ok("add", "n", "+15"))
        self.assertEqual(b"-9223372036854775808\n", self.ok("add", "n", "-9223372036854775808"))
        self.refused(75, "add", "n", "-1", says="range")
        for wrong in ("x", "", "1.5", "9223372036854775808", "-1x"):
            self.refused(2, "add", "n", wrong, says=wrong)
        self.refused(2, "add", "n", "-1", "-2", says="one number too many")
        self.ok("put", "text", "-5")
        self.assertEqual(b"-6\n", self.ok("add", "text", "-1"))
        self.put(b"text", b"hello")
        self.refused(73, "add", "text", says="hello")

    def test_del(self):
        for key in (b"a", b"b", b"c", b"p/1", b"p/2"):
            self.put(key, b"x")
        self.assertEqual(b"deleted 2\n", self.ok("del", "a", "b"))
        self.assertEqual(b"deleted 1\n", self.refused(1, "del", "a", "c", says="no such key: a"))
        self.assertEqual(b"2\n", self.ok("-o", "raw", "del", "--prefix", "p/"))
        self.assertEqual(1, self.run_it("del", "--prefix", "p/").status)
        self.refused(2, "del", says="either keys or --prefix")
        self.refused(2, "del", "a", "--prefix", "b", says="either keys or --prefix")
        self.assertEqual([], self.json("ls"))

    def test_del_of_more_than_a_reply_has_room_for(self):
        for i in range(12):
            self.put(b"p/%d" % i, b"x" * 100_000)
        self.put(b"q", b"x")
        self.assertRegex(self.ok("del", "--prefix", "p/"), rb"\Arevision \d+\n\Z")
        self.assertEqual(b"1\n", self.ok("ls", "--count"))


class Lists(Served):
    def test_formats(self):
        first, second = self.put(b"a/1", b"x\ty"), self.put(b"a/22", b"\xff")
        self.put(b"b", b"")
        self.assertEqual(
            [{"key": "a/1", "value": "x\ty", "create_revision": first, "mod_revision": first,
              "version": 1},
             {"key": "a/22", "value_base64": "/w==", "create_revision": second,
              "mod_revision": second, "version": 1}], self.json("ls", "a/"))
        self.assertEqual(self.json("ls"), [json.loads(line) for line in self.ok("ls").splitlines()])
        self.assertEqual(b"a/1\tx\ty\na/22\t\xff\n", self.ok("-o", "raw", "ls", "a/"))
        self.assertEqual(b"a/1\na/22\n", self.ok("-o", "raw", "ls", "a/", "--keys"))
        self.assertEqual(b"a/1\na/22\n", self.ok("-o", "raw", "ls", "--prefix", "a/", "--keys"))
        self.refused(2, "ls", "--prefix", "a/", "b/", says="one prefix")
        self.assertEqual(
            [b"KEY   REVISION  VALUE", b"a/1   %8d  x\\ty" % first, b"a/22  %8d  \\xff" % second],
            self.ok("-o", "table", "ls", "a/").splitlines())
        self.assertEqual({"key", "create_revision", "mod_revision", "version"},
                         set(self.json("ls", "--keys")[0]))

    def test_count_and_limit(self):
        for i in range(25):
            self.put(b"k/%02d" % i, b"")
        self.put(b"z", b"")
        self.assertEqual(b"25\n", self.ok("ls", "k/", "--count"))
        self.assertEqual(25, self.json("ls", "k/", "--count", "--committed")["count"])
        self.assertEqual(b"0\n", self.ok("ls", "nothing", "--count"))
        for limit in (1, 7, 25, 26, 100):
            keys = self.ok("-o", "raw", "ls", "--keys", "--limit", str(limit)).splitlines()
            self.assertEqual([b"k/%02d" % i for i in range(25)][:limit] + [b"z"] * (limit > 25),
                             keys)
        self.refused(2, "ls", "--count", "--limit", "1", says="--count")
        self.refused(2, "ls", "--limit", "0", says="'0'")
        self.refused(2, "ls", "a", "b", says="fewer")

    def test_entries_that_end_with_nul(self):
        self.put(b"a\nb", b"1\n2")
        self.put(b"c", b"")
        self.assertEqual(b"a\nb\t1\n2\0c\t\0", self.ok("ls", "-0"))
        self.assertEqual(b"a\nb\0c\0", self.ok("-o", "raw", "ls", "--null", "--keys"))
        self.refused(2, "ls", "-0", "--count", says="--null")
        self.refused(2, "ls", "-0", "-o", "table", says="--null")

    def test_pages(self):
        with self.server.client() as client:
            for i in range(40):
                client.write(*(sp.put(b"k/%06d" % (100 * i + j), b"v" * 1000) for j in range(100)))
        keys = self.ok("-o", "raw", "ls", "--keys").splitlines()
        self.assertEqual([b"k/%06d" % i for i in range(4000)], keys)
        self.assertEqual(3000, len(self.ok("ls", "--limit", "3000").splitlines()))
        self.assertEqual(4000, len(self.json("ls", "--committed")))
        self.assertEqual(4001, len(self.ok("-o", "table", "ls").splitlines()))

    def test_nothing(self):
        self.assertEqual([], self.json("ls"))
        for form in ("auto", "jsonl", "raw", "table"):
            self.assertEqual(b"", self.ok("-o", form, "ls"))


class Exports(Served):
    def fill(self):
        source = random.Random(7)
        entries = {b"a": b"1", b"\xff": b"", b"text\n\"\\": "é€\0".encode()}
        for _ in range(300):
            entries[source.randbytes(source.randrange(1, 480))] = source.randbytes(
                source.randrange(1000))
        with self.server.client() as client:
            for key, value in entries.items():
                client.put(key, value)
        return entries

    def entries(self):
        with self.server.client() as client:
            found, after, more = {}, b"", True
            while more:
                page = client.read(sp.prefix(b""), after=after)
                found.update((entry.key, entry.value) for entry in page.entries)
                after, more = page.entries[-1].key if page.entries else b"", page.more
        return found

    def clear(self):
        with self.server.client() as client:
            client.write(sp.delete(sp.prefix(b"")))

    def test_round_trip(self):
        entries = self.fill()
        exported = self.ok("export")
        self.assertEqual(len(entries), exported.count(b"\n"))
        self.clear()
        done = self.run_it("import", stdin=exported)
        self.assertEqual((0, ""), (done.status, done.said))
        self.assertEqual(entries, self.entries())
        self.assertEqual(exported, self.ok("export", "-"))

    def test_round_trip_of_a_list(self):
        entries = self.fill()
        listed = self.ok("-o", "jsonl", "ls")
        self.clear()
        self.ok("import", "-", stdin=listed)
        self.assertEqual(entries, self.entries())

    def test_lines(self):
        self.put(b"a", b"1")
        self.put(b"b\xff", "é".encode())
        self.put(b"c", b"\x80")
        self.assertEqual('{"key":"a","value":"1"}\n{"key_base64":"Yv8=","value":"é"}\n'
                         '{"key":"c","value_base64":"gA=="}\n', self.ok("export").decode())
        self.assertEqual(b'{"key":"a","value":"1"}\n', self.ok("export", "--prefix", "a"))

    def test_to_a_file(self):
        self.put(b"a", b"1")
        path = self.folder / "export.jsonl"
        self.assertEqual(f"exported 1 key to {path}\n".encode(), self.ok("export", path))
        self.assertEqual(b'{"key":"a","value":"1"}\n', path.read_bytes())
        revision = self.put(b"b", b"2")
        self.assertEqual({"keys": 2, "first_revision": revision, "revision": revision}, self.json("export", path))
        self.assertEqual(2, path.read_bytes().count(b"\n"))
        self.assertEqual([path], list(self.folder.iterdir()))

    def test_a_file_that_cannot_be_written(self):
        self.put(b"a", b"1")
        self.refused(2, "export", self.folder / "none" / "file", says="none/file")
        self.refused(2, "export", self.folder, says=str(self.folder))
        self.refused(2, "export", "/dev/full", says="No space left")

    def test_a_file_stays_as_it_is_when_there_is_no_server(self):
        path = self.folder / "export.jsonl"
        path.write_text("precious", encoding="ascii")
        done = statectl.run("-e", f"ipc://{self.folder}/none", "--timeout", "100", "export", path)
        self.assertEqual(78, done.status)
        self.assertEqual("precious", path.read_text(encoding="ascii"))
        self.assertEqual([path], list(self.folder.iterdir()))

    def test_a_disk_that_is_full(self):
        self.put(b"a", b"1")
        for command in (["get", "a"], ["ls"], ["export"], ["status"], ["put", "a", "1"]):
            with open("/dev/full", "wb") as full, \
                    statectl.start("-e", self.server.ipc, *command, stdout=full) as running:
                said = running.communicate(timeout=statectl.LIMIT_S)[1]
            self.assertEqual((2, 1), (running.returncode, said.count(b"\n")), (command, said))
            self.assertIn(b"No space left", said)


if __name__ == "__main__":
    unittest.main()
