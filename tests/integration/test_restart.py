"""Is what the server acknowledged there after it was killed, stopped or interrupted?

usage: test_restart.py [ROUNDS]   kills in the import; the seed of their moments is printed
"""

import os
import random
import signal
import sys
import unittest

import importer
import server
import sp

ROUNDS = 6
WRITERS = 4
# How far an import gets before it is killed: anywhere in its first writes.
MAX_ACKNOWLEDGED = 400


def wait_until_acknowledged(running, writers, count):
    """Waits until the writers together have so many acknowledged writes."""
    running.process.wait_until(lambda: sum(writer.acknowledged for writer in writers) >= count,
                               f"{count} writes were acknowledged")


class Restart(unittest.TestCase):
    def assert_kept(self, running, writers):
        with running.client() as client:
            findings = [found for writer in writers for found in writer.check(client)]
        self.assertEqual(findings, [])
        self.assertGreater(sum(writer.acknowledged for writer in writers), 0)

    def test_killed_during_an_import(self):
        seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(32)))
        print(f"seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
        moments = random.Random(seed)
        kept = 0
        for _ in range(ROUNDS):
            with server.Server() as running:
                writers = importer.start_writers([running.ipc, running.tcp], WRITERS)
                wait_until_acknowledged(running, writers, moments.randrange(MAX_ACKNOWLEDGED))
                running.kill()
                importer.join_writers(writers)
                running.start()
                self.assert_kept(running, writers)
                kept += sum(writer.acknowledged for writer in writers)
        print(f"{ROUNDS} kills, {kept} acknowledged writes, 0 lost", flush=True)

    def test_the_check_catches_a_lost_and_a_torn_write(self):
        with server.Server() as running:
            writers = importer.start_writers([running.ipc], 1)
            wait_until_acknowledged(running, writers, 10)
            running.stop()
            importer.join_writers(writers)
            running.start()
            a, b, value = writers[0].pair(writers[0].acknowledged - 1)
            for key in (a, b):
                with running.client() as client:
                    client.write(sp.delete(sp.key(key)))
                    self.assertNotEqual(writers[0].check(client), [], key)
                    client.put(key, value)
                    self.assertEqual(writers[0].check(client), [])

    def stop_under_load(self, number):
        with server.Server() as running:
            writers = importer.start_writers([running.ipc, running.tcp], WRITERS)
            wait_until_acknowledged(running, writers, 50)
            self.assertEqual(running.stop(number), 0, running.process.log())
            importer.join_writers(writers)
            self.assertFalse(os.path.exists(running.ipc.removeprefix("ipc://")))
            running.start()
            self.assert_kept(running, writers)

    def test_terminated_under_load(self):
        self.stop_under_load(signal.SIGTERM)

    def test_interrupted_under_load(self):
        self.stop_under_load(signal.SIGINT)

    def test_idle_server_stops_at_once(self):
        with server.Server() as running:
            with running.client("tcp"):
                self.assertEqual(running.stop(), 0)

    def test_restart_keeps_the_state_and_changes_the_epoch(self):
        with server.Server() as running:
            with running.client() as client:
                revision = client.put(b"key", b"value").revision
                epoch = client.raw(b"").epoch
            self.assertEqual(running.stop(), 0)
            running.start()
            with running.client() as client:
                entry = client.read(sp.key(b"key")).entries[0]
                self.assertEqual((entry.value, entry.mod_revision), (b"value", revision))
                self.assertEqual(client.status().store.revision, revision)
                self.assertNotEqual(client.raw(b"").epoch, epoch)

    def test_ephemeral_state_is_gone_after_a_stop(self):
        with server.Server("--durability", "ephemeral") as running:
            with running.client() as client:
                client.put(b"key", b"value")
                self.assertEqual(client.status().store.durability, "ephemeral")
            self.assertEqual(running.stop(), 0)
            running.start()
            with running.client() as client:
                self.assertIsNone(client.get(b"key"))

    def test_relaxed_state_survives_a_stop_and_a_kill(self):
        with server.Server("--durability", "relaxed") as running:
            with running.client() as client:
                client.put(b"key", b"value")
            self.assertEqual(running.stop(), 0)
            running.start()
            with running.client() as client:
                self.assertEqual(client.get(b"key"), b"value")
            running.kill()
            running.start()
            with running.client() as client:
                self.assertEqual(client.get(b"key"), b"value")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        ROUNDS = int(sys.argv.pop(1))
    unittest.main()
