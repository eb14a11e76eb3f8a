"""Writers that keep a server busy and remember what it acknowledged."""

import threading

import sp
from stated.v1 import rpc_pb2, state_pb2

CALLS_PER_FRAME = 4


class Writer(threading.Thread):
    """Writes pairs of keys, a/<n> and b/<n> with one value, until its connection ends.

    A pair is one atomic write, so after a crash both are there or none is.
    """

    def __init__(self, endpoint, name, limit=None):
        super().__init__(daemon=True)
        self.client = sp.Client(endpoint)
        self.label = name
        self.limit = limit
        self.sent = 0
        self.acknowledged = 0
        self.refused = []
        self.first = threading.Event()

    def pair(self, number):
        """(key a, key b, value) of a write."""
        stem = f"{self.label}/{number:08}".encode()
        return b"a/" + stem, b"b/" + stem, b"value of " + stem

    def request(self, number):
        a, b, value = self.pair(number)
        return state_pb2.WriteRequest(mutations=[sp.put(a, value), sp.put(b, value)])

    def run(self):
        try:
            while self.limit is None or self.sent < self.limit:
                numbers = range(self.sent, self.sent + CALLS_PER_FRAME)
                self.sent += CALLS_PER_FRAME
                replies = self.client.frame([(sp.WRITE, self.request(n)) for n in numbers]).replies
                bad = [reply.status for reply in replies
                       if reply.status.code != rpc_pb2.CODE_OK]
                # Writes of one frame take effect in order, so refusals are its end.
                self.acknowledged += len(replies) - len(bad)
                self.first.set()
                if bad:
                    self.refused = bad
                    return
        except (OSError, ConnectionError):
            pass  # the server is gone, which is what the test is about
        finally:
            self.client.close()

    def check(self, client):
        """What a server holds of this writer's pairs, against what it acknowledged: findings."""
        held = {}
        after, more = b"", True
        while more:
            page = client.read(sp.prefix(f"a/{self.label}/".encode()), after=after)
            held.update((entry.key, entry.value) for entry in page.entries)
            after, more = page.entries[-1].key if page.entries else b"", page.more
        found = []
        for number in range(self.sent):
            a, b, value = self.pair(number)
            whole = held.get(a) == value
            if number < self.acknowledged and not whole:
                found.append(f"{a!r} was acknowledged and is {held.get(a)!r}")
            if number >= self.acknowledged - CALLS_PER_FRAME:
                if (client.get(b) == value) != whole:
                    found.append(f"{a!r} and {b!r} were one write, one of them is missing")
        if client.read(sp.prefix(f"b/{self.label}/".encode()), count_only=True).count != len(held):
            found.append(f"{self.label}: not as many b as a")
        return found


def start_writers(endpoints, count):
    """Writers over the endpoints in turn, started, each with at least one acknowledgement."""
    writers = [Writer(endpoints[i % len(endpoints)], f"w{i}") for i in range(count)]
    for writer in writers:
        writer.start()
    for writer in writers:
        if not writer.first.wait(sp.TIMEOUT_S):
            raise AssertionError(f"no write of {writer.label} was acknowledged")
    return writers


def join_writers(writers):
    for writer in writers:
        writer.join(sp.TIMEOUT_S)
        if writer.is_alive():
            raise AssertionError(f"{writer.label} still waits for an answer")
