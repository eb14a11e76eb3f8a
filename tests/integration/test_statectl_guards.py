"""Do the commands that write on a condition write exactly when it holds, and say how it is if not?"""

import unittest

from served_statectl import EVERY_BYTE, Served


class Create(Served):
    def test_the_first_one_wins(self):
        revision = self.json("create", "a", "1")["revision"]
        for command in (["create", "a", "2"], ["create", "a", "-f", "/dev/null"]):
            out = self.refused(1, *command, says=f"key a is there, at revision {revision}")
            self.assertEqual(b"", out)
        self.assertEqual(b"1", self.held(b"a"))
        self.ok("del", "a")
        self.ok("create", "a", "2")
        self.assertEqual(b"2", self.held(b"a"))

    def test_values_of_any_bytes(self):
        self.ok("create", "in", "-", stdin=EVERY_BYTE)
        self.assertEqual(EVERY_BYTE, self.held(b"in"))
        (self.folder / "v").write_bytes(EVERY_BYTE[::-1])
        self.ok("create", "file", "-f", self.folder / "v")
        self.assertEqual(EVERY_BYTE[::-1], self.held(b"file"))
        self.ok("create", "n", "-5")
        self.assertEqual(b"-5", self.held(b"n"))

    def test_mistakes(self):
        self.refused(2, "create", "a", says="create needs a value")
        self.refused(2, "create", "a", "b", "-f", "c", says="not both")
        self.refused(2, "create", "a", "b", "--if-revision", "1", says="--if-revision")
        self.refused(67, "create", "", "value", says="empty")
        self.assertIsNone(self.held(b"a"))


class CompareAndSet(Served):
    def test_by_value(self):
        self.put(b"a", b"old")
        self.assertRegex(self.ok("cas", "a", "new", "--if-value", "old"), rb"\Arevision \d+\n\Z")
        self.assertEqual(b"new", self.held(b"a"))
        out = self.refused(1, "cas", "a", "newer", "--if-value", "old", says="key a has another value")
        self.assertEqual(b"new", out)
        self.assertEqual(b"new", self.held(b"a"))

    def test_by_revision_and_version(self):
        first = self.put(b"a", b"1")
        second = self.put(b"a", b"2")
        out = self.refused(1, "cas", "a", "3", "--if-revision", str(first), says=f"revision {second}")
        self.assertEqual(b"2", out)
        out = self.refused(1, "cas", "a", "3", "--if-version", "1", says="is at version 2")
        self.assertEqual(b"2", out)
        self.ok("cas", "a", "3", "--if-revision", str(second))
        self.ok("cas", "a", "4", "--if-version", "3")
        self.assertEqual(b"4", self.held(b"a"))

    def test_a_key_that_is_not_there(self):
        for expected in ("--if-value=x", "--if-revision=1", "--if-version=1"):
            out = self.refused(1, "cas", "a", "1", expected, says="there is no key a")
            self.assertEqual(b"", out)
        self.ok("cas", "a", "1", "--if-version", "0")
        self.refused(1, "cas", "a", "2", "--if-revision", "0", says="key a is there")
        self.ok("cas", "b", "1", "--if-revision", "0")

    def test_any_bytes_from_files_and_input(self):
        old, new = self.folder / "old", self.folder / "new"
        old.write_bytes(EVERY_BYTE)
        new.write_bytes(EVERY_BYTE[::-1])
        self.put(b"a", EVERY_BYTE)
        self.ok("cas", "a", "-f", new, "--if-value-file", old)
        self.assertEqual(EVERY_BYTE[::-1], self.held(b"a"))
        self.assertEqual(EVERY_BYTE[::-1], self.refused(1, "cas", "a", "x", "--if-value-file", old,
                                                        says="another value"))
        self.ok("cas", "a", "-", "--if-value-file", new, stdin=b"")
        self.assertEqual(b"", self.held(b"a"))
        self.ok("cas", "a", "full", "--if-value", "")
        self.ok("cas", "a", "x", "--if-value-file", "-", stdin=b"full")
        self.assertEqual(b"x", self.held(b"a"))

    def test_formats(self):
        revision = self.put(b"a", b"\xff")
        self.put(b"other", b"")
        said = self.run_it("-o", "json", "cas", "a", "1", "--if-value", "x")
        self.assertEqual(1, said.status)
        self.assertEqual(
            {"applied": False, "revision": revision + 1, "previous": [],
             "current": [{"key": "a", "value_base64": "/w==", "create_revision": revision,
                          "mod_revision": revision, "version": 1}]}, self.parsed(said.out))
        self.assertEqual(b"\\xff\n", self.run_it("-o", "table", "cas", "a", "1", "--if-value",
                                                 "x").out)
        self.assertEqual({"revision": revision + 2},
                         self.json("cas", "a", "1", "--if-revision", str(revision)))

    def test_mistakes(self):
        self.put(b"a", b"1")
        self.refused(2, "cas", "a", "2", says="one of --if-value")
        self.refused(2, "cas", "a", "2", "--if-value", "1", "--if-version", "1", says="no more than")
        self.refused(2, "cas", "a", "2", "--if-value", "1", "--if-value", "1", says="no more than")
        self.refused(2, "cas", "a", "--if-value", "1", says="cas needs a value")
        self.refused(2, "cas", "a", "2", "-f", "x", "--if-value", "1", says="not both")
        self.refused(2, "cas", "a", "-", "--if-value-file", "-", says="standard input")
        self.refused(2, "cas", "a", "2", "--if-revision", "x", says="'x'")
        self.refused(2, "cas", "a", "2", "--if-value-file", self.folder / "no", says=f"{self.folder}/no")
        self.assertEqual(b"1", self.held(b"a"))


if __name__ == "__main__":
    unittest.main()
