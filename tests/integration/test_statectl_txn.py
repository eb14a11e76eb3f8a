"""Does a transaction do all that its lines say, or nothing, and is a wrong line named?"""

import re
import unittest

import sp
from served_statectl import EVERY_BYTE, Served


class Effects(Served):
    def test_every_statement(self):
        first = self.put(b"a", b"1")
        for key in (b"b", b"p/1", b"p/2", b"r/1", b"r/2", b"r/3"):
            self.put(key, b"x")
        text = f"""
            # guards
            if a exists
            if none absent
            if a = 1
            if a revision {first}
            if a version 1
            if none version 0

            put new 'one two'    # a comment
            del b
            del --prefix p/
            del --range r/1 r/3
            add n
            add m -5
        """
        self.assertEqual(b"revision %d\n" % (first + 7), self.ok("txn", stdin=text.encode()))
        with self.server.client() as client:
            held = {entry.key: entry.value for entry in client.read(sp.prefix(b"")).entries}
        self.assertEqual({b"a": b"1", b"new": b"one two", b"r/3": b"x", b"n": b"1", b"m": b"-5"},
                         held)
        self.ok("txn", "del --range a ''")
        self.assertEqual([], self.json("ls"))

    def test_all_or_nothing(self):
        revision = self.put(b"a", b"1")
        guards = {"if a absent": f"key a is there, at revision {revision}",
                  "if b exists": "there is no key b",
                  "if a = 2": f"key a has another value, since revision {revision}",
                  "if b = ''": "there is no key b",
                  f"if a revision {revision + 1}": f"at revision {revision}",
                  "if a version 2": "at version 1", "if b version 1": "there is no key b"}
        for guard, word in guards.items():
            self.refused(1, "txn", "if a exists", guard, "put a 3", "put c 1", says=word)
        done = self.run_it("txn", *guards, "put a 3")
        self.assertEqual((1, len(guards)), (done.status, done.said.count("\n")), done)
        self.assertEqual(b"1", self.held(b"a"))
        self.assertIsNone(self.held(b"c"))

    def test_a_change_that_fails_undoes_the_others(self):
        self.put(b"text", b"hello")
        self.refused(73, "txn", "put a 1", "add text 1", says="hello")
        self.assertIsNone(self.held(b"a"))

    def test_words(self):
        self.ok("txn", "if 'absent' absent", r'put "k\0\xff" "v\n\t\"\\\x80"', r"put 'a b' c\ d",
                "put exists =", "put f '-f'", "put e ''")
        for key, value in ((b"k\0\xff", b"v\n\t\"\\\x80"), (b"a b", b"c d"), (b"exists", b"="),
                           (b"f", b"-f"), (b"e", b"")):
            self.assertEqual(value, self.held(key))

    def test_values_from_files(self):
        path = self.folder / "some value"
        path.write_bytes(EVERY_BYTE)
        self.ok("txn", f"put a -f '{path}'")
        self.assertEqual(EVERY_BYTE, self.held(b"a"))
        self.ok("txn", f"if a = -f '{path}'", "put b 1")
        self.assertEqual(b"1", self.held(b"b"))
        self.refused(2, "txn", f"put a -f {self.folder}/none", says=f"{self.folder}/none")

    def test_where_statements_come_from(self):
        path = self.folder / "txn"
        path.write_bytes(b"put file 1")
        self.ok("txn", "-f", path)
        self.ok("txn", "-f", "-", stdin=b"put input 1")
        self.ok("txn", "-", stdin=b"put dash 1")
        self.ok("txn", stdin=b"put none 1\r\n")
        for key in (b"file", b"input", b"dash", b"none"):
            self.assertEqual(b"1", self.held(key))


class Json(Served):
    def test_a_request(self):
        text = b"""
        {"guards": [{"key": "a", "exists": false}],
         "mutations": [{"put": {"key": "a", "value_base64": "/w=="}}]}"""
        self.ok("txn", stdin=text)
        self.assertEqual(b"\xff", self.held(b"a"))
        self.refused(1, "txn", stdin=text, says="key a is there")

    def test_answers(self):
        revision = self.put(b"a", b"1")
        request = '{"mutations":[{"put":{"key":"a","value":"2"}}],"return_previous":true}'
        answer = self.json("txn", request)
        self.assertEqual((True, revision + 1), (answer["applied"], answer["revision"]))
        self.assertEqual("1", answer["previous"][0]["value"])
        done = self.run_it("-o", "json", "txn", "if a = 1", "put a 3")
        answer = self.parsed(done.out)
        self.assertEqual((1, False, "2"),
                         (done.status, answer["applied"], answer["current"][0]["value"]))
        self.assertEqual(b"%d\n" % (revision + 2), self.ok("-o", "raw", "txn", "put a 3"))

    def test_mistakes_are_named(self):
        self.refused(2, "txn", '{"mutations":[\n{"putt":{}}]}',
                     says='mutations[0]: Mutation has no member "putt"; did you mean "put"?')
        self.refused(2, "txn", '{"mutations":\n[}', says="line 2, column 2")


class Mistakes(Served):
    def test_a_wrong_line_is_named(self):
        for line, says in (
                ("putt b 2", "expected if, put, del or add instead of 'putt'; did you mean 'put'?"),
                ("'put' b 2", "instead of 'put'"), ("frobnicate", "instead of 'frobnicate'"),
                ("put", "expected a key at its end"), ("put b", "expected a value, or -f FILE,"),
                ("put b -f", "expected the name of a file"),
                ("put b c d", "expected the end of the line instead of 'd'"),
                ("del", "expected a key, --prefix PREFIX or --range START END at its end"),
                ("del b c", "instead of 'c'"), ("del --prefix", "expected a prefix"),
                ("del --range b", "expected the key to stop before"), ("add", "expected a key"),
                ("add n x", "expected a whole number of 64 bits instead of 'x'"),
                ("add n 9223372036854775808", "instead of '9223372036854775808'"),
                ("add n 1 2", "instead of '2'"), ("if a exists", "guards come first"),
                ("put b 'c", "a quote is not closed"), ('put b "\\q"', "followed by one of")):
            with self.subTest(line):
                text = f"# first\nput a 1\n{line}\nputt"
                done = self.run_it("txn", stdin=text.encode())
                self.assertEqual((2, b""), (done.status, done.out))
                self.assertRegex(done.said, rf"\Astatectl: line 3: .*{re.escape(says)}[^\n]*\n\Z")
                self.assertEqual(done.said, self.run_it("txn", *text.split("\n")).said)
        for line, says in (
                ("if", "expected a key"), ("if a", "expected exists, absent, = VALUE"),
                ("if a is there", "instead of 'is'"), ("if a = ", "expected a value"),
                ("if a revision", "expected a number from 0 on at its end"),
                ("if a version -1", "instead of '-1'"), ("if a exists now", "instead of 'now'")):
            with self.subTest(line):
                done = self.run_it("txn", line, "put a 1")
                self.assertEqual(2, done.status)
                self.assertRegex(done.said, rf"\Astatectl: line 1: .*{re.escape(says)}")
        self.assertEqual([], self.json("ls"))

    def test_nothing_to_do(self):
        for text in (b"", b"\n\n", b"# only a comment\n"):
            self.refused(2, "txn", stdin=text, says="nothing to do")

    def test_options(self):
        self.refused(2, "txn", "put a 1", "-f", "x", says="not both")
        self.refused(2, "txn", "-f", self.folder / "none", says=f"{self.folder}/none")
        self.refused(2, "txn", "--base64", "put a 1", says="--base64")
        self.refused(67, "txn", "put '' 1", says="empty")


if __name__ == "__main__":
    unittest.main()
