"""A bad network between a client and a server: it drops, repeats and delays whole frames, and cuts
connections. Speaks SP over unix sockets on both sides and does not look into the frames."""

import contextlib
import random
import socket
import struct
import threading

GREETING_BYTES = 8
HEADER = struct.Struct(">BQ")


class Faults:
    """How many of a hundred frames meet what."""

    def __init__(self, drop_reply=0.0, cut=0.0, repeat_reply=0.0, delay_reply=0.0,
                 drop_request=0.0, repeat_request=0.0):
        self.replies = [("dropped", drop_reply), ("cut", cut), ("repeated", repeat_reply),
                        ("delayed", delay_reply)]
        self.requests = [("request dropped", drop_request), ("request repeated", repeat_request)]


def path_of(endpoint):
    return endpoint.removeprefix("ipc://")


class Link:
    """One client's connection, and the one to the server that stands for it."""

    def __init__(self, proxy, client):
        self.proxy = proxy
        self.client = client
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(path_of(proxy.target))
        self.held = []

    def close(self):
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def receive(source, count):
        data = bytearray()
        while len(data) < count:
            part = source.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return bytes(data)

    def frame(self, source):
        header = self.receive(source, HEADER.size)
        return header + self.receive(source, HEADER.unpack(header)[1])

    def pass_request(self, frame):
        fate = self.proxy.roll(self.proxy.faults.requests)
        if fate != "request dropped":
            self.server.sendall(frame * (2 if fate == "request repeated" else 1))

    def pass_reply(self, frame):
        fate = self.proxy.roll(self.proxy.faults.replies)
        if fate == "cut":
            raise ConnectionError
        if fate == "delayed":
            self.held.append(frame)
            return
        if fate != "dropped":
            self.client.sendall(frame * (2 if fate == "repeated" else 1))
        while self.held:
            self.client.sendall(self.held.pop())

    def pump(self, source, other, pass_on):
        try:
            other.sendall(self.receive(source, GREETING_BYTES))
            while True:
                pass_on(self.frame(source))
        except OSError:
            self.close()

    def run(self):
        back = threading.Thread(target=self.pump, args=(self.server, self.client, self.pass_reply))
        back.start()
        self.pump(self.client, self.server, self.pass_request)
        back.join()
        self.client.close()
        self.server.close()


class FrameProxy:
    """Listens at `endpoint` for clients of the server at `target`, both ipc."""

    def __init__(self, endpoint, target, faults, seed):
        self.endpoint = endpoint
        self.target = target
        self.faults = faults
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.counts = {"passed": 0}
        self.links = []
        self.threads = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path_of(endpoint))
        self.listener.listen(16)
        self.acceptor = threading.Thread(target=self.accept)

    def __enter__(self):
        self.acceptor.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.acceptor.join()
        self.listener.close()
        for link in self.links:
            link.close()
        for thread in self.threads:
            thread.join()

    def roll(self, fates):
        with self.lock:
            dice = self.chance.random() * 100
            fate = "passed"
            for name, share in fates:
                if dice < share:
                    fate = name
                    break
                dice -= share
            self.counts[fate] = self.counts.get(fate, 0) + 1
            return fate

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                link = Link(self, client)
            except OSError:
                client.close()
                continue
            thread = threading.Thread(target=link.run)
            self.links.append(link)
            self.threads.append(thread)
            thread.start()
