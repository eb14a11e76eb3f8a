"""A server that answers as a test says: an SP REP peer over a unix socket, and protobuf.

For what a real `stated` does not do on demand: fail with every code, be poisoned, not answer.
"""

import contextlib
import pathlib
import shutil
import socket
import struct
import tempfile
import threading

import sp
from stated.v1 import rpc_pb2

SILENT = object()


class FakeServer:
    """with FakeServer({method: answer}) as fake: ... fake.endpoint ...

    An answer is a response message, a (code, message) of a status, SILENT, or a function from the
    request's bytes to one of these. Any other method is UNIMPLEMENTED.
    """

    def __init__(self, answers):
        self.answers = answers
        self.calls = []
        self.called = threading.Condition()
        self.folder = tempfile.mkdtemp(prefix="stated-test-")
        self.endpoint = f"ipc://{self.folder}/sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(pathlib.Path(self.folder, "sock")))
        self.listener.listen()
        self.connections = []

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for each in (self.listener, *self.connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_for(self, method):
        """Waits until the method was called."""
        with self.called:
            if not self.called.wait_for(lambda: method in self.calls, sp.TIMEOUT_S):
                raise AssertionError(f"{method} was not called within {sp.TIMEOUT_S} s")

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with contextlib.suppress(OSError, EOFError):
            connection.sendall(sp.HELLO_REP)
            if receive(connection, len(sp.HELLO_REQ)) != sp.HELLO_REQ:
                return
            while True:
                _, length = struct.unpack(">BQ", receive(connection, 9))
                message = receive(connection, length)
                reply = self.reply(rpc_pb2.RequestFrame.FromString(message[4:]))
                if reply is not None:
                    body = message[:4] + reply.SerializeToString()
                    connection.sendall(struct.pack(">BQ", 1, len(body)) + body)

    def reply(self, frame):
        replies = rpc_pb2.ReplyFrame(epoch=1)
        for call in frame.calls:
            answer = self.answers.get(call.method, (rpc_pb2.CODE_UNIMPLEMENTED, "not here"))
            if callable(answer):
                answer = answer(call.payload)
            with self.called:
                self.calls.append(call.method)
                self.called.notify_all()
            if answer is SILENT:
                return None
            reply = replies.replies.add()
            if isinstance(answer, tuple):
                reply.status.code, reply.status.message = answer
            else:
                reply.payload = answer.SerializeToString()
        return replies


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data
