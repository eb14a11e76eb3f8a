"""Clients that call one server at random, over kills of it, and record every call with its times.

What they record is a log as `statectl verify-order --by-time` reads it. Numbered writes are sent
again until they are answered; of other writes that got no answer nobody knows whether they happened.
"""

import json
import os
import threading
import time

import sp
from stated.v1 import rpc_pb2, state_pb2

KEYS = 6  # of a generation; each generation of keys sees a kill or two
CATCH_UP_S = 120


class Log:
    """Lines of the log, from any thread."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="ascii")
        self.lock = threading.Lock()
        self.calls = 0
        self.open = 0

    def close(self):
        self.file.close()

    def add(self, method, request, reply, epoch, sent_ns, received_ns):
        """reply None: there was none."""
        record = {"method": method, "code": "UNAVAILABLE", "epoch": f"{epoch:016x}", "ticket": 0,
                  "sent_ns": sent_ns, "received_ns": received_ns,
                  "request": request.SerializeToString().hex()}
        if reply is not None:
            record["code"] = rpc_pb2.Code.Name(reply.status.code).removeprefix("CODE_")
            record["ticket"] = reply.order.ticket
            if record["code"] == "OK":
                record["response"] = reply.payload.hex()
        line = json.dumps(record) + "\n"
        with self.lock:
            self.file.write(line)
            self.calls += 1
            self.open += reply is None


class Stage:
    """The server that the clients call, and what they share."""

    def __init__(self, running, log):
        self.running = running
        self.log = log
        self.is_up = threading.Event()
        self.is_up.set()
        self.is_over = threading.Event()
        self.kills = 0
        self.generation = 0

    def restart(self):
        """Kills the server while it is called, and starts it again."""
        self.is_up.clear()
        self.running.kill()
        self.kills += 1
        self.generation = self.kills // 2
        self.running.start()
        self.is_up.set()


class Recorder(threading.Thread):
    """One client: one call at a time, each recorded. `findings` says what it saw go wrong."""

    def __init__(self, stage, number, chance):
        super().__init__(daemon=True)
        self.stage = stage
        self.number = number
        self.chance = chance
        self.client_id = os.urandom(16)
        self.client = None
        self.sequence = 0
        self.last = None  # (sequence, request, payload) of the newest answered numbered write
        self.values = 0
        self.seen = {}
        self.own = 0  # writes to keys of its own, which all have to be there in the end
        self.own_unknown = set()
        self.acknowledged = 0
        self.resent = 0
        self.repeated = 0  # answered writes that were sent again after a kill
        self.findings = []
        self.failure = None

    def run(self):
        try:
            while not self.stage.is_over.is_set():
                self.step()
        except BaseException as failure:  # a thread's own would be lost
            self.failure = failure
        finally:
            self.disconnect()

    def connect(self):
        """A connection to the server as it is now; waits while there is none."""
        bound = time.monotonic() + CATCH_UP_S
        transport = "tcp" if self.number % 2 else "ipc"
        while self.client is None:
            if not self.stage.is_up.wait(CATCH_UP_S) or time.monotonic() > bound:
                raise AssertionError(f"no server within {CATCH_UP_S} s")
            try:
                self.client = self.stage.running.client(transport)
            except (OSError, ConnectionError):
                if self.stage.is_up.is_set():
                    self.stage.is_over.wait(0.002)  # killed again already, or not yet told
        self.client.client_id = self.client_id

    def disconnect(self):
        if self.client is not None:
            self.client.close()
            self.client = None

    def send(self, method, request, sequence=0):
        """(Reply or None when the server went away, epoch) of one call."""
        frame = rpc_pb2.RequestFrame(client_id=self.client_id,
                                     acked_below=self.last[0] if self.last else 0)
        frame.calls.add(method=method, payload=request.SerializeToString(), sequence=sequence)
        try:
            reply = self.client.raw(frame.SerializeToString())
        except (OSError, ConnectionError):
            self.disconnect()
            return None, 0
        return reply.replies[0], reply.epoch

    def reconnect(self):
        self.connect()
        if self.last is None:
            return
        sequence, request, payload = self.last
        reply, _ = self.send(sp.WRITE, request, sequence)
        if reply is not None:
            self.repeated += 1
            if not reply.order.replayed or reply.payload != payload:
                self.findings.append(f"sequence {sequence} was answered, and after a kill it is "
                                     f"answered anew: {reply}")

    def call(self, method, request, numbered=False):
        """The Reply, recorded; None when the server went away and the call is not numbered."""
        if self.client is None:
            self.reconnect()
            if self.client is None:
                return None
        if numbered:
            self.sequence += 1
        sequence = self.sequence if numbered else 0
        sent_ns = time.monotonic_ns()
        reply, epoch = self.send(method, request, sequence)
        while reply is None and numbered:
            self.resent += 1
            self.connect()
            reply, epoch = self.send(method, request, sequence)
        received_ns = time.monotonic_ns()
        if reply is not None or method == sp.WRITE:
            self.stage.log.add(method, request, reply, epoch, sent_ns, received_ns)
        if reply is not None and reply.status.code != rpc_pb2.CODE_OK:
            self.findings.append(f"{request} was refused: {reply.status}")
        elif reply is not None and method == sp.WRITE:
            self.acknowledged += 1
            if numbered:
                self.last = (sequence, request, reply.payload)
        return reply

    def new_value(self):
        self.values += 1
        return f"value {self.values} of {self.number}".encode()

    def key(self, kind="key", generation=None):
        generation = self.stage.generation if generation is None else generation
        return f"{kind}/{generation}/{self.chance.randrange(KEYS if kind == 'key' else 2)}".encode()

    def step(self):
        kinds = [(self.read, 30), (self.put, 20), (self.swap, 10), (self.delete, 5), (self.count, 20),
                 (self.pair, 5), (self.read_pair, 5), (self.put_own, 10)]
        self.chance.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]()

    def write(self, *mutations, **fields):
        return self.call(sp.WRITE, state_pb2.WriteRequest(
            mutations=mutations, return_previous=self.chance.random() < 0.3, **fields),
            numbered=self.chance.random() < 0.6)

    def read(self):
        generation = self.stage.generation - self.chance.choice((0, 0, 0, 1, 2))
        kind = self.chance.choice(("key", "key", "count"))
        name = self.key(kind, max(generation, 0))
        consistency = self.chance.choice((state_pb2.CONSISTENCY_ORDERED,
                                          state_pb2.CONSISTENCY_COMMITTED))
        reply = self.call(sp.READ, state_pb2.ReadRequest(select=[sp.key(name)],
                                                         consistency=consistency))
        if reply is not None:
            entries = state_pb2.ReadResponse.FromString(reply.payload).entries
            self.seen[name] = entries[0].value if entries else None

    def put(self):
        self.write(sp.put(self.key(), self.new_value()))

    def delete(self):
        self.write(sp.delete(sp.key(self.key())))

    def count(self):
        self.write(sp.add(self.key("count"), self.chance.choice((1, 1, 10))))

    def swap(self):
        """Replaces what this client saw last, if it is still there."""
        name = self.key()
        before = self.seen.get(name)
        must = {"exists": False} if before is None else {"value": before}
        self.write(sp.put(name, self.new_value()), guards=[sp.guard(name, **must)])

    def pair_keys(self):
        stem = self.key("pair")
        return stem + b"/a", stem + b"/b"

    def pair(self):
        a, b = self.pair_keys()
        value = self.new_value()
        self.write(sp.put(a, value), sp.put(b, value))

    def read_pair(self):
        a, b = self.pair_keys()
        reply = self.call(sp.READ, state_pb2.ReadRequest(select=[sp.key(a), sp.key(b)]))
        if reply is not None:
            entries = state_pb2.ReadResponse.FromString(reply.payload).entries
            values = {entry.key: entry.value for entry in entries}
            if values.get(a) != values.get(b):
                self.findings.append(f"one write put {a} and {b}, half of it is there: {values}")

    def own_key(self, number):
        return f"own/{self.number}/{number:06}".encode()

    def put_own(self):
        number, self.own = self.own, self.own + 1
        if self.write(sp.put(self.own_key(number), b"own")) is None:
            self.own_unknown.add(number)

    def lost(self, client):
        """Acknowledged writes to its own keys that are not there."""
        held = set()
        after, more = b"", True
        while more:
            page = client.read(sp.prefix(f"own/{self.number}/".encode()), after=after,
                               keys_only=True)
            held.update(entry.key for entry in page.entries)
            after, more = page.entries[-1].key if page.entries else b"", page.more
        return [self.own_key(number) for number in range(self.own)
                if number not in self.own_unknown and self.own_key(number) not in held]
