"""Do the examples of the client library do what they say?"""

import subprocess
import unittest

import server
import sp

EXAMPLES = server.BUILD / "examples"
PATIENCE_S = 60


class Examples(server.ServedTestCase):
    def run_example(self, name, *arguments):
        result = subprocess.run([EXAMPLES / name, *arguments], capture_output=True, text=True,
                                timeout=PATIENCE_S, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout

    def test_get_put(self):
        self.assertEqual(self.run_example("get_put", self.server.ipc), "green\n")
        with self.server.client() as client:
            self.assertEqual(client.read(sp.key(b"color")).entries[0].value, b"green")

    def test_get_put_without_a_server(self):
        result = subprocess.run([EXAMPLES / "get_put", f"ipc://{self.server.directory}/nobody"],
                                capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("UNAVAILABLE", result.stderr)

    def test_counter(self):
        said = self.run_example("counter", self.server.tcp)
        self.assertRegex(said, r"^400, last by thread [0-7], in 400 writes\n$")

    def test_event_loop(self):
        keys = [f"loop/{number}" for number in range(50)]
        result = subprocess.run([EXAMPLES / "event_loop", self.server.ipc], text=True,
                                capture_output=True, timeout=PATIENCE_S, check=False,
                                input="".join(f"{key} value\n" for key in keys))
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertEqual([line.split(":")[0] for line in lines], keys)
        self.assertTrue(all(": revision " in line for line in lines), lines)
        with self.server.client() as client:
            self.assertEqual(client.read(sp.prefix(b"loop/"), count_only=True).count, len(keys))

    def test_watch(self):
        watch = subprocess.Popen([EXAMPLES / "watch", self.server.ipc, "w/"], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(watch.stdout.readline(), "watching\n")
            with self.server.client() as client:
                first = client.put(b"w/a", b"1").revision
                client.put(b"other", b"1")
            self.assertEqual(watch.stdout.readline(), f"{first} w/a = 1\n")
            self.server.kill()
            self.server.start()
            with self.server.client() as client:
                second = client.put(b"w/b", b"2").revision
                third = client.write(sp.delete(sp.key(b"w/a"))).revision
            self.assertEqual(watch.stdout.readline(), f"{second} w/b = 2\n")
            self.assertEqual(watch.stdout.readline(), f"{third} w/a deleted\n")
            said, _ = watch.communicate(timeout=PATIENCE_S)
            self.assertEqual(watch.returncode, 0)
            self.assertRegex(said, r"^the next revision is \d+\n$")
        finally:
            if watch.poll() is None:
                watch.kill()
                watch.wait()


if __name__ == "__main__":
    unittest.main()
