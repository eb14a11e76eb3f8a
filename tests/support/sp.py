"""A client of stated that shares no code with it: an SP REQ peer over a plain socket, and protobuf.

Written from the wire's description alone, so that it finds where the programs of the project agree
with each other but not with the contract.
"""

import os
import socket
import struct

from stated.v1 import admin_pb2, rpc_pb2, state_pb2

HELLO_REQ = b"\x00SP\x00\x00\x30\x00\x00"
HELLO_REP = b"\x00SP\x00\x00\x31\x00\x00"
REQUEST_ID_BIT = 0x80000000
TIMEOUT_S = 30

READ = "stated.v1.StateService/Read"
WRITE = "stated.v1.StateService/Write"
WATCH = "stated.v1.StateService/Watch"
HEALTH = "stated.v1.AdminService/Health"
STATUS = "stated.v1.AdminService/Status"


class RpcError(Exception):
    """A reply whose status is not OK."""

    def __init__(self, status):
        super().__init__(f"{rpc_pb2.Code.Name(status.code)}: {status.message}")
        self.code = status.code
        self.message = status.message
        self.retry_after_ms = status.retry_after_ms


class Connection:
    """One SP connection: sends and receives message bodies."""

    def __init__(self, endpoint, timeout_s=TIMEOUT_S):
        scheme, address = endpoint.split("://", 1)
        self.mark = b"\x01" if scheme == "ipc" else b""
        if scheme == "ipc":
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket(socket.AF_INET)
            host, port = address.rsplit(":", 1)
            address = (host, int(port))
        try:
            self.socket.settimeout(timeout_s)
            self.socket.connect(address)
            self.socket.sendall(HELLO_REQ)
            hello = self.receive_exactly(len(HELLO_REP))
            if hello != HELLO_REP:
                raise ConnectionError(f"not an SP REP peer, its greeting is {hello!r}")
        except BaseException:
            self.socket.close()
            raise
        self.next_id = 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def receive_exactly(self, count):
        data = bytearray()
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError(f"the peer closed after {len(data)} of {count} bytes")
            data += part
        return bytes(data)

    def send(self, body):
        """Sends a request; returns its id."""
        request_id = REQUEST_ID_BIT | self.next_id
        self.next_id += 1
        self.socket.sendall(self.mark + struct.pack(">QI", 4 + len(body), request_id) + body)
        return request_id

    def receive(self):
        """The next reply: (request id, body)."""
        if self.mark and self.receive_exactly(1) != self.mark:
            raise ConnectionError("a message that does not start with the ipc mark")
        (length,) = struct.unpack(">Q", self.receive_exactly(8))
        payload = self.receive_exactly(length)
        return struct.unpack(">I", payload[:4])[0], payload[4:]

    def exchange(self, body):
        """Sends a request and waits for its reply's body."""
        sent = self.send(body)
        received, reply = self.receive()
        if received != sent:
            raise ConnectionError(f"sent request {sent:#x}, the reply is to {received:#x}")
        return reply


class Client:
    """Typed calls over one connection. Not for several threads."""

    def __init__(self, endpoint, timeout_s=TIMEOUT_S):
        self.connection = Connection(endpoint, timeout_s)
        self.client_id = os.urandom(16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.connection.close()

    def frame(self, calls, **fields):
        """Sends calls, (method, request[, timeout_ms]) each, as one frame; the ReplyFrame."""
        frame = rpc_pb2.RequestFrame(client_id=self.client_id, **fields)
        for method, request, *timeout_ms in calls:
            payload = request if isinstance(request, bytes) else request.SerializeToString()
            frame.calls.add(method=method, payload=payload,
                            timeout_ms=timeout_ms[0] if timeout_ms else 0)
        return self.raw(frame.SerializeToString())

    def raw(self, body):
        """Sends any bytes as a frame; the ReplyFrame."""
        return rpc_pb2.ReplyFrame.FromString(self.connection.exchange(body))

    def reply(self, method, request, timeout_ms=0):
        """The single Reply to a single call."""
        replies = self.frame([(method, request, timeout_ms)]).replies
        if len(replies) != 1:
            raise ConnectionError(f"one call, {len(replies)} replies")
        return replies[0]

    def call(self, method, request, response_type, timeout_ms=0):
        """(response, order) of a call that succeeds; RpcError for one that does not."""
        reply = self.reply(method, request, timeout_ms)
        if reply.status.code != rpc_pb2.CODE_OK:
            raise RpcError(reply.status)
        return response_type.FromString(reply.payload), reply.order

    def read(self, *select, **fields):
        request = state_pb2.ReadRequest(select=select, **fields)
        return self.call(READ, request, state_pb2.ReadResponse)[0]

    def write(self, *mutations, **fields):
        request = state_pb2.WriteRequest(mutations=mutations, **fields)
        return self.call(WRITE, request, state_pb2.WriteResponse)[0]

    def get(self, name):
        """A key's value, or None."""
        entries = self.read(key(name)).entries
        return entries[0].value if entries else None

    def put(self, name, value):
        return self.write(put(name, value))

    def watch(self, select, from_revision=0, limit=0, timeout_ms=0):
        request = watch_request(select, from_revision, limit)
        return self.call(WATCH, request, state_pb2.WatchResponse, timeout_ms)[0]

    def begin(self, method, request, timeout_ms=0):
        """Sends one call and does not wait; returns the request's id."""
        frame = rpc_pb2.RequestFrame()
        frame.calls.add(method=method, payload=request.SerializeToString(), timeout_ms=timeout_ms)
        return self.connection.send(frame.SerializeToString())

    def finish(self, response_type):
        """The next reply that comes: (request id, response); RpcError when it is none."""
        request_id, body = self.connection.receive()
        reply = rpc_pb2.ReplyFrame.FromString(body).replies[0]
        if reply.status.code != rpc_pb2.CODE_OK:
            raise RpcError(reply.status)
        return request_id, response_type.FromString(reply.payload)

    def health(self):
        return self.call(HEALTH, admin_pb2.HealthRequest(), admin_pb2.HealthResponse)[0]

    def status(self):
        return self.call(STATUS, admin_pb2.StatusRequest(), admin_pb2.StatusResponse)[0]


# Short ways to write selectors, mutations and guards.


def key(name):
    return state_pb2.Selector(key=name)


def prefix(start):
    return state_pb2.Selector(prefix=start)


def span(start, end=b""):
    return state_pb2.Selector(range=state_pb2.Range(start=start, end=end))


def watch_request(select, from_revision=0, limit=0, no_wait=False):
    return state_pb2.WatchRequest(select=select, from_revision=from_revision, limit=limit,
                                  no_wait=no_wait)


def put(name, value):
    return state_pb2.Mutation(put=state_pb2.Put(key=name, value=value))


def delete(select):
    return state_pb2.Mutation(delete=state_pb2.Delete(select=select))


def add(name, delta):
    return state_pb2.Mutation(add=state_pb2.Add(key=name, delta=delta))


def guard(name, **must):
    return state_pb2.Guard(key=name, **must)
