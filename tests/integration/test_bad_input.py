"""Is every kind of bad input answered with its code and its reason, and the server unharmed?"""

import socket
import struct
import unittest

import server
import sp
from stated.v1 import rpc_pb2, state_pb2

MAX_CALLS = 1024
MAX_MESSAGE = 1 << 20
MAX_TIMEOUT_MS = 600_000


def frame(*calls, **fields):
    """A RequestFrame's bytes; calls are (method, payload[, fields])."""
    request = rpc_pb2.RequestFrame(**fields)
    for method, payload, *more in calls:
        body = payload if isinstance(payload, bytes) else payload.SerializeToString()
        request.calls.add(method=method, payload=body, **(more[0] if more else {}))
    return request.SerializeToString()


def read(*select, **fields):
    return frame((sp.READ, state_pb2.ReadRequest(select=select, **fields)))


def write(*mutations, **fields):
    return frame((sp.WRITE, state_pb2.WriteRequest(mutations=mutations, **fields)))


ONE_READ = (sp.READ, state_pb2.ReadRequest(select=[sp.key(b"a")]))
LONG = b"k" * 481
INVALID = rpc_pb2.CODE_INVALID_ARGUMENT

# name, body, code, what the message must say
CASES = [
    ("no protobuf", b"\xff\xff\xff\xff", INVALID, ["RequestFrame"]),
    ("a frame cut short", frame(ONE_READ)[:-3], INVALID, ["RequestFrame"]),
    ("no call", frame(), INVALID, ["call"]),
    ("an empty body", b"", INVALID, ["call"]),
    ("too many calls", frame(*[ONE_READ] * (MAX_CALLS + 1)), rpc_pb2.CODE_RESOURCE_EXHAUSTED,
     [str(MAX_CALLS)]),
    ("a short client id", frame(ONE_READ, client_id=b"12345"), INVALID, ["client_id", "16"]),
    ("an unknown method", frame(("stated.v1.StateService/Reed", b"")),
     rpc_pb2.CODE_UNIMPLEMENTED, ["stated.v1.StateService/Reed"]),
    ("an unknown service", frame(("no.Such/Read", b"")), rpc_pb2.CODE_UNIMPLEMENTED,
     ["no.Such/Read"]),
    ("an empty method", frame(("", b"")), rpc_pb2.CODE_UNIMPLEMENTED, []),
    ("a payload of another type", frame((sp.READ, b"\xff\xff")), INVALID, ["ReadRequest"]),
    ("a payload cut short", frame((sp.WRITE, b"\x12\x7f")), INVALID, ["WriteRequest"]),
    ("a timeout over the limit", frame((*ONE_READ, {"timeout_ms": MAX_TIMEOUT_MS + 1})), INVALID,
     [str(MAX_TIMEOUT_MS + 1), str(MAX_TIMEOUT_MS)]),
    ("a read of an empty key", read(sp.key(b"")), INVALID, ["key"]),
    ("a read of a long key", read(sp.key(LONG)), INVALID, ["481", "480"]),
    ("a read of nothing", read(), INVALID, ["select"]),
    ("a selector of nothing", read(state_pb2.Selector()), INVALID, ["select"]),
    ("a long prefix", read(sp.prefix(LONG)), INVALID, ["481", "480"]),
    ("a range that ends before its start", read(sp.span(b"b", b"a")), INVALID, ["\"a\"", "\"b\""]),
    ("a page of a single key", read(sp.key(b"a"), after=b"a"), INVALID, ["after"]),
    ("an unknown consistency", frame((sp.READ, b"\x0a\x03\x0a\x01a\x30\x09")), INVALID,
     ["consistency 9"]),
    ("a write of an empty key", write(sp.put(b"", b"x")), INVALID, ["key"]),
    ("a write of a long key", write(sp.put(LONG, b"x")), INVALID, ["481", "480"]),
    ("an empty mutation", write(state_pb2.Mutation()), INVALID, ["mutation"]),
    ("a delete of nothing", write(state_pb2.Mutation(delete=state_pb2.Delete())), INVALID, []),
    ("a delete of an empty key", write(sp.delete(sp.key(b""))), INVALID, ["key"]),
    ("an add to an empty key", write(sp.add(b"", 1)), INVALID, ["key"]),
    ("an add to a long key", write(sp.add(LONG, 1)), INVALID, ["481", "480"]),
    ("a key put twice", write(sp.put(b"a", b"x"), sp.put(b"b", b"x"), sp.put(b"a", b"y")), INVALID,
     ["mutations 0 and 2", "\"a\""]),
    ("a put into a deleted range", write(sp.put(b"ab", b"x"), sp.delete(sp.prefix(b"a"))), INVALID,
     ["\"ab\""]),
    ("an empty guard", write(sp.put(b"a", b"x"), guards=[state_pb2.Guard(key=b"a")]), INVALID,
     ["guard"]),
    ("a guard on an empty key", write(sp.put(b"a", b"x"), guards=[sp.guard(b"", exists=True)]),
     INVALID, ["key"]),
    ("a guard on a long key", write(sp.put(b"a", b"x"), guards=[sp.guard(LONG, exists=True)]),
     INVALID, ["481", "480"]),
]


class BadInput(server.ServedTestCase):
    def assert_unharmed(self, revision):
        """New connections are served on both transports, and nothing was written."""
        self.assertFalse(self.server.process.has_ended())
        for transport in ("ipc", "tcp"):
            with self.server.client(transport) as client:
                status = client.status()
                self.assertEqual(status.store.revision, revision)
                self.assertEqual(status.queue.waiting_calls + status.queue.running_calls, 0)
                self.assertIsNone(client.get(b"a"))

    def revision(self):
        with self.server.client() as client:
            return client.status().store.revision

    def test_every_bad_frame_is_answered(self):
        revision = self.revision()
        for transport in ("ipc", "tcp"):
            with self.server.client(transport) as client:
                for name, body, code, words in CASES:
                    with self.subTest(name, transport=transport):
                        replies = client.raw(body).replies
                        self.assertEqual(len(replies), 1)
                        status = replies[0].status
                        self.assertEqual(rpc_pb2.Code.Name(status.code), rpc_pb2.Code.Name(code),
                                         status.message)
                        self.assertNotEqual(status.message, "")
                        for word in words:
                            self.assertIn(word, status.message)
                        self.assertEqual(replies[0].order.ticket, 0)
                        # The same connection goes on.
                        client.health()
        self.assert_unharmed(revision)

    def test_a_message_over_the_limit_is_told_how_much(self):
        revision = self.revision()
        body = write(sp.put(b"a", bytes(MAX_MESSAGE)))
        for transport in ("ipc", "tcp"):
            with self.server.client(transport) as client:
                status = client.raw(body).replies[0].status
                self.assertEqual(status.code, INVALID)
                self.assertIn(str(len(body)), status.message)
                self.assertIn(str(MAX_MESSAGE), status.message)
                client.health()
        self.assert_unharmed(revision)

    def test_a_message_far_over_the_limit_ends_that_connection_only(self):
        revision = self.revision()
        body = write(sp.put(b"a", bytes(4 * MAX_MESSAGE)))
        for transport in ("ipc", "tcp"):
            with self.server.client(transport) as other, self.server.client(transport) as client:
                with self.assertRaises(OSError):
                    client.raw(body)
                other.health()
        self.assert_unharmed(revision)

    def test_a_message_just_under_the_limit_is_served(self):
        with self.server.client("tcp") as client:
            room = MAX_MESSAGE - len(write(sp.put(b"big", bytes(1 << 19)))) - 64
            client.put(b"big", bytes((1 << 19) + room))
            client.write(sp.delete(sp.key(b"big")))

    def broken_peers(self):
        """(name, bytes) that peers send instead of the protocol before they leave."""
        hello = sp.HELLO_REQ
        whole = struct.pack(">QI", 4 + 6, sp.REQUEST_ID_BIT | 1) + b"\x0a\x00\x0a\x00\x0a\x00"
        return [
            ("nothing", b""),
            ("half a greeting", hello[:5]),
            ("another protocol's greeting", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("a SUB peer", b"\x00SP\x00\x00\x21\x00\x00"),
            ("a greeting alone", hello),
            ("half a length", hello + b"\x00\x00\x00"),
            ("half a message", hello + whole[:-3]),
            ("a message of nothing", hello + struct.pack(">Q", 0)),
            ("a message too short for an id", hello + struct.pack(">Q", 2) + b"ab"),
            ("a request id without its bit", hello + struct.pack(">QI", 8, 5) + b"abcd"),
            ("an endless length", hello + b"\xff" * 8),
            ("noise", hello + bytes(range(256)) * 16),
        ]

    def test_peers_that_break_the_protocol_harm_nobody(self):
        revision = self.revision()
        path = self.server.ipc.removeprefix("ipc://")
        port = int(self.server.tcp.rsplit(":", 1)[1])
        for family, address in ((socket.AF_UNIX, path), (socket.AF_INET, ("127.0.0.1", port))):
            for name, content in self.broken_peers():
                with self.subTest(name, family=family.name), socket.socket(family) as peer:
                    peer.connect(address)
                    try:
                        peer.sendall(content)
                    except OSError:
                        pass  # it may hang up on us first
                with self.server.client("ipc") as client:
                    client.health()
        self.assert_unharmed(revision)


if __name__ == "__main__":
    unittest.main()
