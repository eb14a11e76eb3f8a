"""Is a snapshot, made while writers write, the state of exactly its revision when it is restored? Is
any other file told from a whole one, and does nothing that is interrupted leave half of anything?"""

import json
import os
import pathlib
import signal
import threading
import time
import unittest

import server
import sp
import statectl
from stated.v1 import admin_pb2, rpc_pb2

WRITERS = 3
LEAST_WRITES = 60
WAIT_S = 60
ADMIN = "stated.v1.AdminService/"
# Programs under a sanitizer start slowly: of many similar runs they make each second one.
STEP = 2 if server.SANITIZED else 1
SAVES = 2 if server.SANITIZED else 3


def wait_until(condition, what):
    bound = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > bound:
            raise AssertionError(f"not within {WAIT_S} s: {what}")


def relaxed():
    """A server that leaves most syncs out, on which nothing here depends."""
    return server.Server("--durability", "relaxed")


def save(running, path, *arguments):
    return statectl.run("-e", running.ipc, "snapshot", "save", path, *arguments)


def everything(client):
    """All keys with their values, and the revision they are of."""
    content, after = {}, b""
    while True:
        page = client.read(sp.prefix(b""), after=after)
        content.update((entry.key, entry.value) for entry in page.entries)
        if not page.more:
            return content, page.revision
        after = page.entries[-1].key


class Writer(threading.Thread):
    """Puts and deletes its keys, and remembers what each revision did."""

    def __init__(self, running, number):
        super().__init__()
        self.running = running
        self.number = number
        self.done = []  # (revision, key, value; None: deleted)
        self.stop = threading.Event()

    def run(self):
        with self.running.client() as client:
            for turn in range(1 << 30):
                if self.stop.is_set():
                    return
                key = b"%d/%d" % (self.number, turn % 40)
                if turn % 7 == 6:
                    reply = client.write(sp.delete(sp.key(key)))
                    self.done.append((reply.revision, key, None))
                else:
                    value = b"%d " % turn * (1 + turn % 50)
                    reply = client.put(key, value)
                    self.done.append((reply.revision, key, value))


def state_at(revision, writers):
    """What acknowledged writes say the state was."""
    content = {}
    for at, key, value in sorted(done for writer in writers for done in writer.done):
        if at <= revision:
            content[key] = value
    return {key: value for key, value in content.items() if value is not None}


class UnderWriters(unittest.TestCase):
    def test_a_restored_snapshot_is_the_state_of_its_revision(self):
        with server.Directory() as directory, relaxed() as running:
            writers = [Writer(running, number) for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            saved = []
            for number in range(SAVES):
                wait_until(lambda: all(len(writer.done) > LEAST_WRITES * (number + 1)
                                       for writer in writers), "writers wrote")
                path = directory / f"{number}.snapshot"
                done = save(running, path, "-o", "json")
                self.assertEqual(done.status, 0, done)
                saved.append((path, json.loads(done.out)["revision"]))
            for writer in writers:
                writer.stop.set()
            for writer in writers:
                writer.join()
            for path, revision in saved:
                self.check_restored(directory, path, revision, writers)
            # Control: the comparison tells one revision from the next.
            self.assertNotEqual(state_at(saved[0][1], writers), state_at(saved[1][1], writers))

    def check_restored(self, directory, path, revision, writers):
        home = directory / f"{path.name}.restored"
        home.mkdir()
        done = statectl.run("snapshot", "restore", path, "--data-dir", home / "data")
        self.assertEqual(done.status, 0, done)
        with server.Server(directory=home) as restored, restored.client() as client:
            content, at = everything(client)
            self.assertEqual(at, revision)
            self.assertEqual(content, state_at(revision, writers))
            self.assertEqual(client.put(b"goes", b"on").revision, revision + 1)


class Files(unittest.TestCase):
    """On one snapshot of a state that has something of everything."""

    @classmethod
    def setUpClass(cls):
        cls.home = server.Directory()
        cls.directory = cls.home.path
        cls.path = cls.directory / "good.snapshot"
        with relaxed() as running:
            with running.client() as client:
                for number in range(300):
                    client.put(b"key %d" % number, b"value %d " % number * 200)
            done = save(running, cls.path)
            assert done.status == 0, done
        cls.whole = cls.path.read_bytes()

    @classmethod
    def tearDownClass(cls):
        cls.home.__exit__(None, None, None)

    def check_refused(self, content, what):
        path = self.directory / "bad.snapshot"
        into = self.directory / "restored from bad"
        path.write_bytes(content)
        for done in (statectl.run("snapshot", "verify", path),
                     statectl.run("snapshot", "restore", path, "--data-dir", into)):
            self.assertEqual(done.status, 1, (what, done))
            self.assertIn(str(path), done.said, what)
            self.assertRegex(done.said, "cut|altered|damaged", what)
            self.assertFalse(into.exists(), what)

    def test_a_cut_snapshot_is_refused(self):
        length = len(self.whole)
        for left in (0, 1, 4096, length // 2, length - 80, length - 1)[::STEP]:
            self.check_refused(self.whole[:left], f"cut to {left}")
        self.check_refused(self.whole + b"\0", "longer")

    def test_an_altered_snapshot_is_refused(self):
        length = len(self.whole)
        for at in (0, 20, 4096 + 17, length // 3, length // 2, length - 81, length - 80, length - 1)[::STEP]:
            altered = bytearray(self.whole)
            altered[at] ^= 1
            self.check_refused(bytes(altered), f"byte {at} altered")

    def test_other_files_are_refused(self):
        self.check_refused(b"something else entirely" * 1000, "no snapshot")
        done = statectl.run("snapshot", "verify", self.directory / "none")
        self.assertEqual(done.status, 2)
        self.assertIn("none: No such file", done.said)

    def test_control_the_whole_one_is_good(self):
        done = statectl.run("snapshot", "verify", self.path, "-o", "json")
        self.assertEqual(done.status, 0, done)
        self.assertEqual(json.loads(done.out)["keys"], 300)
        done = statectl.run("snapshot", "info", self.path)
        self.assertEqual(done.status, 0, done)
        self.assertIn(b"300", done.out)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)

    def test_a_restore_needs_an_empty_directory(self):
        into = self.directory / "used"
        into.mkdir()
        (into / "mine").write_text("precious", encoding="ascii")
        done = statectl.run("snapshot", "restore", self.path, "--data-dir", into)
        self.assertEqual(done.status, 2)
        self.assertIn("is not empty (it has mine)", done.said)
        self.assertEqual(sorted(os.listdir(into)), ["lock", "mine"])

    def test_an_interrupted_restore_leaves_no_state_and_can_be_repeated(self):
        ends = set()
        for number, by in list(enumerate((signal.SIGINT, signal.SIGTERM, signal.SIGKILL) * 3))[::STEP]:
            into = self.directory / f"interrupted {number}"
            process = statectl.start("snapshot", "restore", self.path, "--data-dir", into)
            # At its start, when there is a directory, when there is a file.
            seen = (lambda: True, into.exists, (into / "new.mdb").exists)[number // 3]
            wait_until(lambda: seen() or process.poll() is not None, "the restore began")
            process.send_signal(by)
            process.communicate(timeout=WAIT_S)
            ends.add(process.returncode)
            self.assertIn(process.returncode, (0, 130, 128 + signal.SIGTERM, -by))
            if process.returncode != 0:
                self.assertFalse((into / "state.mdb").exists())
                if by != signal.SIGKILL:
                    self.assertFalse((into / "new.mdb").exists())
                done = statectl.run("snapshot", "restore", self.path, "--data-dir", into)
                self.assertEqual(done.status, 0, done)
            done = statectl.run("db", "check", "--data-dir", into)
            self.assertEqual(done.status, 0, done)
        self.assertGreater(len(ends), 1, "no restore was interrupted")

    def test_a_checked_directory_is_good_or_the_finding_is_named(self):
        into = self.directory / "checked"
        done = statectl.run("snapshot", "restore", self.path, "--data-dir", into)
        self.assertEqual(done.status, 0, done)
        done = statectl.run("db", "check", "--data-dir", into, "-o", "json")
        self.assertEqual(done.status, 0, done)
        self.assertEqual(json.loads(done.out)["keys"], 300)
        file = into / "state.mdb"
        content = bytearray(file.read_bytes())
        content[content.index(b"value 123 ")] ^= 1
        file.write_bytes(content)
        done = statectl.run("db", "check", "--data-dir", into)
        self.assertEqual(done.status, 1, done)
        self.assertIn(str(file), done.said)
        self.assertRegex(done.said, "key 123|change log of revision 124")
        done = statectl.run("db", "check", "--data-dir", self.directory / "nowhere")
        self.assertEqual(done.status, 2, done)
        self.assertIn("nowhere/state.mdb: No such file", done.said)


class Saving(unittest.TestCase):
    def setUp(self):
        self.home = server.Directory()
        self.path = self.home.path / "file"
        self.running = relaxed()
        self.running.__enter__()
        with self.running.client() as client:
            for number in range(0, 60, 6):
                client.write(*(sp.put(b"key %d" % (number + i), os.urandom(100000))
                               for i in range(6)))

    def tearDown(self):
        self.running.__exit__(None, None, None)
        self.home.__exit__(None, None, None)

    def check_nothing_is_left(self):
        self.assertEqual(os.listdir(self.home.path), [])
        wait_until(lambda: "snapshot.tmp" not in os.listdir(self.running.data), "it was removed")

    def interrupt(self, moment):
        """Interrupts a save when moment() is true; its exit status."""
        process = statectl.start("-e", self.running.ipc, "snapshot", "save", self.path)
        wait_until(lambda: moment() or process.poll() is not None, "the moment came")
        self.running.process.signal(signal.SIGSTOP)  # whatever it does now, it does not get to its end
        process.send_signal(signal.SIGINT)
        self.running.process.signal(signal.SIGCONT)
        _, said = process.communicate(timeout=WAIT_S)
        if process.returncode == 130:
            self.assertEqual(said, b"statectl: interrupted\n")
            self.check_nothing_is_left()
        else:
            self.assertEqual(process.returncode, 0, said)
            self.path.unlink()
        return process.returncode

    def test_an_interrupted_save_leaves_nothing(self):
        def files():
            return list(self.home.path.iterdir())

        saves = 0
        moments = (files,
                   lambda: any(file.stat().st_size > 0 for file in files()),
                   lambda: any(file.stat().st_size > 3 << 20 for file in files()),
                   lambda: self.running.process.log().count("snapshot of revision") > saves)
        ends = []
        for moment in moments:
            saves = self.running.process.log().count("snapshot of revision")
            ends.append(self.interrupt(moment))
        self.assertIn(130, ends)
        # And the server is free for the next one.
        done = save(self.running, self.path)
        self.assertEqual(done.status, 0, done)

    def test_a_save_that_fails_leaves_what_was_there(self):
        self.path.write_text("older", encoding="ascii")
        self.running.stop()
        done = save(self.running, self.path)
        self.assertEqual(done.status, 78, done)
        self.assertEqual(self.path.read_text(encoding="ascii"), "older")
        self.running.start()
        done = save(self.running, self.path)
        self.assertEqual(done.status, 0, done)
        self.assertEqual(statectl.run("snapshot", "verify", self.path).status, 0)
        done = save(self.running, "/nowhere/at/all")
        self.assertEqual(done.status, 2)
        done = save(self.running, "/dev/null")
        self.assertEqual(done.status, 2)
        self.assertIn("no plain file", done.said)

    def call(self, client, method, response, **fields):
        request = getattr(admin_pb2, method + "Request")(**fields)
        return client.call(ADMIN + method, request, response)[0]

    def test_there_is_one_job_and_it_ends_when_nobody_asks(self):
        with self.running.client() as one, self.running.client() as other:
            self.call(one, "Snapshot", admin_pb2.SnapshotResponse, job_id=1, keep_ms=600000)
            with self.assertRaises(sp.RpcError) as refused:
                self.call(other, "Check", admin_pb2.CheckResponse, job_id=2)
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
            done = save(self.running, self.path)
            self.assertEqual(done.status, 72, done)
            self.assertIn("a snapshot is under way", done.said)
            self.check_nothing_is_left()
            self.call(one, "EndJob", admin_pb2.EndJobResponse, job_id=1)
            # Nobody asks about this one.
            self.call(one, "Snapshot", admin_pb2.SnapshotResponse, job_id=3, keep_ms=100)

            def is_free():
                try:
                    self.call(other, "Check", admin_pb2.CheckResponse, job_id=4)
                except sp.RpcError:
                    return False
                return True

            wait_until(is_free, "the job ended by itself")
            with self.assertRaises(sp.RpcError) as gone:
                self.call(one, "Job", admin_pb2.JobResponse, job_id=3)
            self.assertEqual(gone.exception.code, rpc_pb2.CODE_NOT_FOUND)
            for fields in ({"job_id": 0}, {"job_id": 5, "keep_ms": 600001}):
                with self.assertRaises(sp.RpcError) as wrong:
                    self.call(one, "Snapshot", admin_pb2.SnapshotResponse, **fields)
                self.assertEqual(wrong.exception.code, rpc_pb2.CODE_INVALID_ARGUMENT)

    def test_a_stop_or_a_crash_leaves_nothing(self):
        with self.running.client() as client:
            self.call(client, "Snapshot", admin_pb2.SnapshotResponse, job_id=1)
            self.assertEqual(self.running.stop(), 0)
        self.assertNotIn("snapshot.tmp", os.listdir(self.running.data))
        (self.running.data / "snapshot.tmp").write_bytes(b"half of one")
        self.running.start()
        self.assertNotIn("snapshot.tmp", os.listdir(self.running.data))

    def test_a_check_beside_the_server_and_by_it(self):
        done = statectl.run("-e", self.running.ipc, "db", "check")
        self.assertEqual(done.status, 0, done)
        self.assertIn(b"the state is good: revision 10, 60 keys", done.out)
        done = statectl.run("db", "check", "--data-dir", self.running.data)
        self.assertEqual(done.status, 2, done)
        self.assertIn(f"is held by process {self.running.process.pid}", done.said)
        # The control: a byte of a value changes under the server.
        with self.running.client() as client:
            client.put(b"marked", b"MARKED-BY-THE-TEST")
            file = self.running.data / "state.mdb"
            at = file.read_bytes().rindex(b"MARKED-BY-THE-TEST")
            with open(file, "r+b") as data:
                data.seek(at)
                data.write(b"m")
        done = statectl.run("-e", self.running.ipc, "db", "check")
        self.assertEqual(done.status, 1, done)
        self.assertIn("state.mdb is damaged", done.said)
        done = save(self.running, self.path)
        self.assertEqual(done.status, 79, done)
        self.assertIn("no snapshot was made", done.said)
        self.check_nothing_is_left()


class OtherEngines(unittest.TestCase):
    def test_what_an_engine_cannot_do_is_said(self):
        late = pathlib.Path(server.BUILD) / "tests" / "stated-late"
        with server.Directory() as directory, server.Server(program=late) as running:
            done = save(running, directory / "file")
            self.assertEqual(done.status, 76, done)
            self.assertIn("neither copied nor checked", done.said)
            self.assertEqual(os.listdir(directory), [])


if __name__ == "__main__":
    unittest.main()
