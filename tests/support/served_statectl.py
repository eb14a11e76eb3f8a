"""Tests of `statectl` against one real server that is empty before each."""

import json
import pathlib
import shutil
import tempfile

import server
import sp
import statectl


EVERY_BYTE = bytes(range(256))


class Served(server.ServedTestCase):
    """What runs statectl, and what looks at the state without it."""

    def setUp(self):
        with self.server.client() as client:
            client.write(sp.delete(sp.prefix(b"")))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="stated-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_it(self, *arguments, **options):
        return statectl.run("-e", self.server.ipc, *arguments, **options)

    def ok(self, *arguments, **options):
        """Its output, when it ends with 0 and without a word."""
        done = self.run_it(*arguments, **options)
        self.assertEqual((0, ""), (done.status, done.said), (arguments, done))
        return done.out

    def refused(self, status, *arguments, says="", **options):
        """Its output, when it ends with this status after one line that says so."""
        done = self.run_it(*arguments, **options)
        self.assertEqual(status, done.status, (arguments, done))
        self.assertRegex(done.said, r"\Astatectl: [^\n]*\n\Z")
        self.assertIn(says, done.said)
        return done.out

    def parsed(self, out):
        return json.loads(out)

    def json(self, *arguments):
        return self.parsed(self.ok("-o", "json", *arguments))

    def put(self, key, value):
        with self.server.client() as client:
            return client.put(key, value).revision

    def held(self, key):
        with self.server.client() as client:
            return client.get(key)
