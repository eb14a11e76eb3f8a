"""Does whoever watches see every write exactly once and in order, while the server is killed again
and again under concurrent writers?

What a watcher has seen is compared with what writers were told. Watchers that are wrong on purpose
have to be caught by the same comparison.
"""

import contextlib
import random
import sys
import threading
import time
import unittest

import server
import sp
from stated.v1 import rpc_pb2

WRITERS = 4
KILLS = int(sys.argv.pop()) if sys.argv[-1].isdigit() else 3
WRITES_BETWEEN = 120
WAIT_MS = 2000
PATIENCE_S = 100


def compare(selects, acknowledged, attempted, seen):
    """What is wrong with a stream of (revision, key, value): [] when nothing is. acknowledged is
    {(key, value): revision}, attempted all (key, value) that were ever sent."""
    complaints = []
    revisions = [revision for revision, _, _ in seen]
    if revisions != sorted(revisions):
        complaints.append("not in the order of revisions")
    places = {}
    for revision, name, value in seen:
        if (name, value) in places:
            complaints.append(f"{name} = {value} came twice")
        places[name, value] = revision
        if not selects(name):
            complaints.append(f"{name} is not watched")
        if (name, value) not in attempted:
            complaints.append(f"{name} = {value} was never written")
    for (name, value), revision in acknowledged.items():
        if selects(name) and places.get((name, value)) != revision:
            complaints.append(f"{name} = {value} of revision {revision} came as "
                              f"{places.get((name, value))}")
    return complaints


class Load:
    """Writers and watchers of one server, over all its lives."""

    def __init__(self, served):
        self.served = served
        self.lock = threading.Lock()
        self.acknowledged = {}
        self.attempted = set()
        self.stop = threading.Event()
        self.pause = threading.Event()  # never set
        self.end_revision = None
        self.failures = []

    def wait_until(self, condition):
        bound = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > bound:
                raise AssertionError(f"not within {PATIENCE_S} s")
            self.pause.wait(0.01)

    def connect(self):
        clients = []

        def connected():
            with contextlib.suppress(OSError):  # between two lives of the server
                clients.append(self.served.client("ipc"))
            return clients

        self.wait_until(connected)
        return clients[0]

    def guard(self, work, *arguments):
        try:
            work(*arguments)
        except Exception as failure:
            self.failures.append(failure)

    def write(self, which, choose):
        client = self.connect()
        for number in range(1 << 30):
            if self.stop.is_set():
                break
            name = b"w/%d" % choose.randrange(6)
            value = b"%d of %d" % (number, which)
            with self.lock:
                self.attempted.add((name, value))
            try:
                revision = client.put(name, value).revision
                with self.lock:
                    self.acknowledged[name, value] = revision
            except (OSError, sp.RpcError):
                client.close()
                client = self.connect()
        client.close()

    def count(self):
        with self.lock:
            return len(self.acknowledged)


class Watcher:
    """Long polls, and remembers. `resume` says where to go on after an answer, and after a lost
    connection."""

    def __init__(self, load, select, selects, limit=0):
        self.load = load
        self.select = select
        self.selects = selects
        self.limit = limit
        self.seen = []
        self.revision = 1
        self.lost = 0

    def next_after(self, response):
        return response.next_revision

    def next_after_loss(self):
        return self.revision

    def is_over(self):
        end = self.load.end_revision
        return end is not None and self.revision > end

    def refused(self, failure):
        """True to ask again."""
        return failure.code == rpc_pb2.CODE_UNAVAILABLE

    def poll(self, client):
        while not self.is_over():
            try:
                response = client.watch(self.select, self.revision, self.limit, WAIT_MS)
            except sp.RpcError as failure:
                if not self.refused(failure):
                    raise
                continue
            self.seen += [(event.entry.mod_revision, event.entry.key, event.entry.value)
                          for event in response.events]
            self.revision = self.next_after(response)

    def run(self):
        while not self.is_over():
            with self.load.connect() as client:
                try:
                    self.poll(client)
                except OSError:
                    self.lost += 1
                    self.revision = self.next_after_loss()

    def complaints(self):
        return compare(self.selects, self.load.acknowledged, self.load.attempted, self.seen)


class Skips(Watcher):
    """Goes on behind the revision that would be next: has to miss some."""

    def next_after(self, response):
        return response.next_revision + (1 if response.events else 0)

    def refused(self, failure):
        if failure.code == rpc_pb2.CODE_OUT_OF_RANGE:  # nobody has written yet
            self.revision -= 1
            return True
        return super().refused(failure)


class Repeats(Watcher):
    """Goes on one revision too early, once: has to see that one twice."""

    has_repeated = False

    def next_after(self, response):
        if self.has_repeated or not response.events:
            return response.next_revision
        self.has_repeated = True
        return response.events[-1].entry.mod_revision


class Forgets(Watcher):
    """Begins with what comes next when the connection was lost: has to miss what was between."""

    def next_after_loss(self):
        count = self.load.count()
        self.load.wait_until(lambda: self.load.count() > count + 5 or self.load.stop.is_set())
        return 0

    def is_over(self):
        return self.revision != 0 and super().is_over()


class UnderKills(unittest.TestCase):
    def run_load(self, watchers_of):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"seed {seed}")
        choose = random.Random(seed)
        with server.Server() as served:
            load = Load(served)
            watchers = watchers_of(load)
            threads = [threading.Thread(target=load.guard,
                                        args=(load.write, i, random.Random(choose.random())))
                       for i in range(WRITERS)]
            threads += [threading.Thread(target=load.guard, args=(each.run,)) for each in watchers]
            for thread in threads:
                thread.start()
            for kill in range(KILLS):
                self.wait_for(load, (kill + 1) * WRITES_BETWEEN)
                served.kill()
                served.start()
            self.wait_for(load, (KILLS + 1) * WRITES_BETWEEN)
            load.stop.set()
            for thread in threads[:WRITERS]:
                thread.join(PATIENCE_S)
            with served.client() as client:
                load.end_revision = client.put(b"end", b"").revision
            for thread in threads:
                thread.join(PATIENCE_S)
                self.assertFalse(thread.is_alive(), "it does not end")
            self.assertEqual(load.failures, [])
        return load, watchers

    def wait_for(self, load, count):
        load.served.process.wait_until(lambda: load.count() >= count or load.failures,
                                       f"{count} writes", within_s=PATIENCE_S)

    def test_nobody_misses_or_repeats_a_write(self):
        load, watchers = self.run_load(lambda load: [
            Watcher(load, sp.prefix(b"w/"), lambda name: name.startswith(b"w/")),
            Watcher(load, sp.prefix(b"w/"), lambda name: name.startswith(b"w/"), limit=1),
            Watcher(load, sp.key(b"w/3"), lambda name: name == b"w/3"),
            Watcher(load, sp.span(b"w/1", b"w/4"), lambda name: b"w/1" <= name < b"w/4"),
            Watcher(load, sp.span(b"w/4"), lambda name: name >= b"w/4")])
        for watcher in watchers:
            self.assertEqual(watcher.complaints(), [])
            self.assertGreater(watcher.lost, 0)
        self.assertGreaterEqual(len(watchers[0].seen), len(load.acknowledged))
        print(f"{len(load.acknowledged)} writes, {KILLS} kills, {len(watchers)} watchers, "
              f"{sum(len(watcher.seen) for watcher in watchers)} events: 0 missed, 0 repeated")

    def test_watchers_that_are_wrong_are_caught(self):
        def everything(name):
            return name.startswith(b"w/")

        _, (skips, repeats, forgets) = self.run_load(lambda load: [
            Skips(load, sp.prefix(b""), everything, limit=1),
            Repeats(load, sp.prefix(b""), everything),
            Forgets(load, sp.prefix(b""), everything)])
        for watcher, word in ((skips, "came as None"), (repeats, "came twice"),
                              (forgets, "came as None")):
            self.assertTrue(any(word in each for each in watcher.complaints()), word)


class TheComparison(unittest.TestCase):
    def test_it_objects(self):
        acknowledged = {(b"a", b"1"): 1, (b"b", b"2"): 2}
        good = [(1, b"a", b"1"), (2, b"b", b"2")]
        attempted = set(acknowledged)

        def wrong(seen, selects=lambda name: True):
            return compare(selects, acknowledged, attempted, seen)

        self.assertEqual(wrong(good), [])
        self.assertEqual(wrong(good[:1], lambda name: name == b"a"), [])
        for seen in (good[:1], good[1:], good + good[1:], good[::-1], [(1, b"a", b"1"),
                     (3, b"b", b"2")], good + [(3, b"c", b"3")], []):
            self.assertNotEqual(wrong(seen), [], seen)
        self.assertNotEqual(wrong(good, lambda name: name == b"a"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
