"""Does the server refuse to start, with a reason and without harm, when it should not serve?"""

import hashlib
import os
import pathlib
import pwd
import re
import socket
import subprocess
import unittest

import server
import sp

REFUSED_S = 20


def digest(directory):
    """Names and contents of a directory's files."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(pathlib.Path(directory).iterdir()) if path.is_file()}


class Start(unittest.TestCase):
    def setUp(self):
        folder = server.Directory()
        self.addCleanup(folder.__exit__)
        self.folder = folder.path
        self.data = self.folder / "data"

    def refused(self, *arguments, as_user=None):
        """Starts a server that must end by itself, not by a signal; (status, what it said)."""
        user = {"user": as_user, "group": as_user, "extra_groups": []} if as_user else {}
        result = subprocess.run([str(server.STATED), *map(str, arguments)], check=False, text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=REFUSED_S,
                                env=server.clean_environment(), **user)
        self.assertGreater(result.returncode, 0, result.stderr)
        self.assertNotIn("Sanitizer", result.stderr)
        return result.returncode, result.stderr

    def refused_here(self, *words, data=None, as_user=None):
        data = data or self.data
        listen = f"ipc://{self.folder}/second.sock"
        _, said = self.refused("--listen", listen, "--data-dir", data, as_user=as_user)
        self.assertIn(str(data), said)
        for word in words:
            self.assertRegex(said, re.compile(word, re.IGNORECASE))
        self.assertFalse((self.folder / "second.sock").exists(), "it listened all the same")
        return said

    def made_by_a_server(self):
        """A data directory with something in it, and its data file."""
        with server.Server(directory=self.folder) as running:
            with running.client() as client:
                for i in range(200):
                    client.put(b"key/%d" % i, os.urandom(1000))
            running.stop()
        files = sorted(self.data.iterdir(), key=lambda path: path.stat().st_size)
        return files[-1]

    # The data directory

    def test_a_directory_that_another_server_holds(self):
        with server.Server(directory=self.folder) as running:
            with running.client() as client:
                client.put(b"key", b"value")
                self.refused_here(str(running.process.pid))
                self.assertEqual(client.get(b"key"), b"value")
            running.answers()

    def test_a_lock_file_left_by_a_killed_server_does_not_matter(self):
        with server.Server(directory=self.folder) as running:
            running.kill()
            running.start()

    def test_a_directory_that_may_not_be_read(self):
        self.data.mkdir()
        self.folder.chmod(0o755)
        self.data.chmod(0)
        nobody = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
        self.refused_here("permission denied", as_user=nobody)
        self.data.chmod(0o700)

    def test_a_directory_that_is_a_file(self):
        self.data.write_text("not a directory", encoding="ascii")
        self.refused_here("directory")
        self.assertEqual(self.data.read_text(encoding="ascii"), "not a directory")

    def test_a_data_file_that_is_not_ours(self):
        name = self.made_by_a_server().name
        for content in (b"#!/bin/sh\necho hello\n", os.urandom(1 << 16)):
            with self.subTest(len(content)):
                (self.data / name).write_bytes(content)
                before = digest(self.data)[name]
                said = self.refused_here()
                self.assertIn(name, said)
                self.assertEqual(digest(self.data)[name], before)

    def test_a_data_file_that_was_cut(self):
        path = self.made_by_a_server()
        whole = path.read_bytes()
        for size in (100_000, 8192, 100):  # of more than 200,000 bytes in use
            with self.subTest(size):
                path.write_bytes(whole[:size])
                said = self.refused_here()
                self.assertIn(path.name, said)
                self.assertEqual(path.read_bytes(), whole[:size])

    def test_a_data_file_of_a_newer_format(self):
        path = self.made_by_a_server()
        ours, newer = (b"stated\r\n" + version.to_bytes(8, "little") for version in (1, 2))
        content = path.read_bytes()
        self.assertIn(ours, content, "the format's mark has moved; this test has to follow it")
        path.write_bytes(content.replace(ours, newer))
        said = self.refused_here("format 2")
        self.assertIn(path.name, said)
        self.assertEqual(path.read_bytes(), content.replace(ours, newer))
        path.write_bytes(content)
        with server.Server(directory=self.folder) as running, running.client() as client:
            self.assertEqual(client.read(sp.prefix(b"key/"), count_only=True).count, 200)

    # Endpoints and flags

    def test_an_ipc_path_that_another_server_uses(self):
        with server.Server() as running:
            _, said = self.refused("--listen", running.ipc, "--data-dir", self.data)
            self.assertIn(running.ipc.removeprefix("ipc://"), said)
            self.assertIn(str(running.process.pid), said)
            self.assertTrue(running.answers())

    def test_a_tcp_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
            _, said = self.refused("--listen", url, "--data-dir", self.data)
        self.assertIn(url, said)
        self.assertIn("in use", said)

    def test_urls_that_are_none(self):
        for url, word in (("nonsense", "nonsense"), ("udp://127.0.0.1:1", "udp"),
                          ("tcp://127.0.0.1:99999", "99999"), ("ws://127.0.0.1:1", "ws"),
                          ("ipc://" + "/x" * 200, "ipc"), ("", "listen")):
            with self.subTest(url):
                _, said = self.refused("--listen", url, "--data-dir", self.data)
                self.assertIn(word, said)

    def test_flags_that_make_no_sense(self):
        for arguments, word in ((["--no-such-flag"], "no-such-flag"),
                                (["--durability", "maybe"], "maybe"),
                                (["--workers", "0"], "0"),
                                (["--workers", "many"], "many"),
                                (["--max-message", "-5"], "-5"),
                                (["--log-level", "loud"], "loud"),
                                (["surplus"], "surplus"),
                                (["--config", str(self.folder / "none.conf")], "none.conf")):
            with self.subTest(arguments):
                _, said = self.refused("--listen", f"ipc://{self.folder}/s", "--data-dir",
                                       self.data, *arguments)
                self.assertIn(word, said)
                self.assertFalse(self.data.exists(), "it made its data directory all the same")


if __name__ == "__main__":
    unittest.main()
