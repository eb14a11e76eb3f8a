"""Does every call that is late, cancelled, refused or failing end as the order says it does?

Over the wire, at a server whose calls take as long as the test asks: tests/bench/busy_server.
"""

import importlib
import os
import pathlib
import subprocess
import sys
import unittest

import server
import sp
from stated.v1 import admin_pb2, rpc_pb2, state_pb2

BUILD = pathlib.Path(os.environ["STATED_BUILD"])
SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
STATECTL = BUILD / "bin" / "statectl"
LOOK, CHANGE, ECHO = (f"busy.v1.Busy/{name}" for name in ("Look", "Change", "Echo"))
QUEUE = "stated.v1.AdminService/Queue"
LIMIT_S = 60
SHARE = 1024  # calls of a connection in flight, and of a frame
QUEUE_MAX = 4096


def compile_messages(directory):
    subprocess.run(["protoc", f"-I{SOURCE}/tests/bench", f"-I{SOURCE}/proto",
                    f"--python_out={directory}", "busy.proto"], check=True)
    sys.path.insert(0, str(directory))
    return importlib.import_module("busy_pb2")


class Busy(unittest.TestCase):
    """A server of its own for each test."""

    @classmethod
    def setUpClass(cls):
        directory = server.Directory()
        cls.addClassCleanup(directory.__exit__)
        cls.pb = compile_messages(directory.path)

    def serve(self, *arguments):
        directory = server.Directory()
        self.addCleanup(directory.__exit__)
        self.endpoint = f"ipc://{directory.path}/busy.sock"
        self.process = server.Process(directory.path, [self.endpoint, *arguments],
                                      BUILD / "tests" / "busy_server")
        self.addCleanup(self.process.end)
        self.process.wait_until(lambda: server.listens(self.endpoint), "it listened")
        self.admin = self.client()

    def client(self):
        client = sp.Client(self.endpoint, LIMIT_S)
        self.addCleanup(client.close)
        return client

    def body(self, *calls):
        """A frame of calls: (method, fields of the request[, timeout_ms]) each."""
        frame = rpc_pb2.RequestFrame()
        for method, fields, *timeout_ms in calls:
            frame.calls.add(method=method, timeout_ms=timeout_ms[0] if timeout_ms else 0,
                            payload=self.pb.BusyRequest(**fields).SerializeToString())
        return frame.SerializeToString()

    def send(self, client, *calls):
        client.connection.send(self.body(*calls))

    def receive(self, client):
        return rpc_pb2.ReplyFrame.FromString(client.connection.receive()[1])

    def one(self, client, *call):
        """The single Reply to a single call."""
        self.send(client, call)
        (reply,) = self.receive(client).replies
        return reply

    def changes(self):
        reply = self.one(self.client(), LOOK, {})
        self.assertEqual(reply.status.code, rpc_pb2.CODE_OK, reply.status.message)
        return self.pb.BusyResponse.FromString(reply.payload).changes

    def queue(self):
        return self.admin.call(QUEUE, admin_pb2.QueueRequest(), admin_pb2.QueueResponse)[0]

    def wait_for(self, condition, what):
        self.process.wait_until(condition, what, LIMIT_S)

    def occupy(self, wait_ms, **fields):
        """Has a client hold the lock for a while, and waits until it does."""
        client = self.client()
        self.send(client, (CHANGE, {"wait_us": wait_ms * 1000, **fields}))
        self.wait_for(lambda: self.queue().running_calls == 1, "a change ran")
        return client

    def assert_ok(self, reply):
        self.assertEqual(reply.status.code, rpc_pb2.CODE_OK, reply.status.message)
        self.assertGreater(reply.order.ticket, 0)

    def assert_refused(self, reply, code, *words, ticket):
        self.assertEqual(rpc_pb2.Code.Name(reply.status.code), rpc_pb2.Code.Name(code),
                         reply.status.message)
        for word in (*words, "not executed"):
            self.assertIn(word, reply.status.message)
        (self.assertGreater if ticket else self.assertEqual)(reply.order.ticket, 0)


class Deadlines(Busy):
    def test_no_timeout_is_the_servers_own(self):
        self.serve()
        self.assert_ok(self.one(self.client(), CHANGE, {"wait_us": 50_000}, 0))

    def test_one_beyond_the_limit_is_named(self):
        self.serve()
        reply = self.one(self.client(), CHANGE, {}, 600_001)
        self.assertEqual(reply.status.code, rpc_pb2.CODE_INVALID_ARGUMENT)
        self.assertIn("600001", reply.status.message)
        self.assertEqual(self.changes(), 0)

    def test_it_passes_in_the_queue(self):
        self.serve()
        holder, late = self.occupy(1000), self.client()
        reply = self.one(late, CHANGE, {}, 50)
        self.assert_refused(reply, rpc_pb2.CODE_DEADLINE_EXCEEDED, "in the queue", ticket=True)
        self.assertEqual(reply.order.queued_ahead, 1)
        (held,) = self.receive(holder).replies
        self.assert_ok(held)
        self.assertEqual(self.changes(), 1)
        self.assertEqual(self.admin.status().queue.expired, 1)

    def test_it_passes_while_the_call_runs(self):
        self.serve()
        reply = self.one(self.client(), CHANGE, {"wait_us": 300_000}, 100)
        self.assert_ok(reply)
        self.assertGreater(reply.order.hold_us, 200_000)
        self.assertEqual(self.changes(), 1)

    def learn_a_wait(self, wait_ms):
        """Has a change wait behind another, so that the server knows how long that takes."""
        for holder in (self.occupy(wait_ms), self.occupy(wait_ms)):
            self.assert_ok(self.receive(holder).replies[0])

    def test_the_queue_is_longer_than_it(self):
        self.serve()
        for attempt in range(1, 6):  # what is learned is forgotten after a second: a busy machine's
            self.learn_a_wait(400)
            holder = self.occupy(600)
            reply = self.one(self.client(), CHANGE, {}, 20)
            self.receive(holder)
            self.assertEqual(self.changes(), 3 * attempt)
            if "in the queue" not in reply.status.message:
                break
        self.assert_refused(reply, rpc_pb2.CODE_DEADLINE_EXCEEDED, "longer than the time",
                            ticket=False)
        self.assertGreater(reply.status.retry_after_ms, 0)


class Disconnects(Busy):
    def test_before_a_request_and_in_the_middle_of_one(self):
        self.serve()
        body = self.body((CHANGE, {}))
        for sent in (b"", b"\x01", b"\x01" + (len(body) + 4).to_bytes(8, "big") + b"\x80\0\0\1" + body[:-1]):
            client = self.client()
            client.connection.socket.sendall(sent)
            client.close()
        self.wait_for(lambda: self.admin.status().connections == 1, "the others were gone")
        self.assertEqual(self.changes(), 0)

    def test_in_the_queue(self):
        self.serve()
        holder, gone, stays = self.occupy(700), self.client(), self.client()
        self.send(gone, (CHANGE, {}), (LOOK, {}), (CHANGE, {}))
        self.wait_for(lambda: self.queue().waiting_calls == 3, "its calls waited")
        self.send(stays, (CHANGE, {}))
        self.wait_for(lambda: self.queue().waiting_calls == 4, "another call waited behind it")
        gone.close()
        self.wait_for(lambda: self.admin.status().queue.cancelled == 3, "they were cancelled")
        self.assert_ok(self.receive(holder).replies[0])
        (reply,) = self.receive(stays).replies
        self.assert_ok(reply)
        self.assertEqual(self.changes(), 2)

    def test_while_its_call_runs(self):
        self.serve()
        gone = self.occupy(300)
        gone.close()
        self.wait_for(lambda: self.queue().running_calls == 0, "it had run")
        self.assertEqual(self.changes(), 1)
        self.assertEqual(self.admin.status().queue.cancelled, 0)

    def test_before_its_reply_is_read(self):
        self.serve()
        gone = self.client()
        self.send(gone, (CHANGE, {}))
        gone.connection.receive_exactly(1)
        gone.close()
        self.wait_for(lambda: self.admin.status().connections == 1, "it was gone")
        self.assertEqual(self.changes(), 1)


class Bounds(Busy):
    def test_a_connection_with_its_share_in_flight(self):
        self.serve()
        holder, greedy = self.occupy(700), self.client()
        self.send(greedy, *[(CHANGE, {})] * SHARE)
        self.send(greedy, (CHANGE, {}), (ECHO, {}))
        over = self.receive(greedy).replies
        self.assert_refused(over[0], rpc_pb2.CODE_RESOURCE_EXHAUSTED, "share", ticket=False)
        self.assertGreater(over[0].status.retry_after_ms, 0)
        self.assertEqual(over[1].status.code, rpc_pb2.CODE_OK)
        self.receive(holder)
        for reply in self.receive(greedy).replies:
            self.assert_ok(reply)
        self.assertEqual(self.changes(), 1 + SHARE)

    def test_a_full_queue(self):
        self.serve()
        holder = self.occupy(1500)
        clients = [self.client() for _ in range(QUEUE_MAX // SHARE)]
        for client in clients:
            self.send(client, *[(CHANGE, {})] * SHARE)
        self.wait_for(lambda: self.queue().waiting_calls == QUEUE_MAX, "the queue was full")
        late = self.client()
        reply = self.one(late, CHANGE, {})
        self.assert_refused(reply, rpc_pb2.CODE_RESOURCE_EXHAUSTED, "queue is full", ticket=False)
        self.assertGreater(reply.status.retry_after_ms, 0)
        self.assertEqual(late.health().state, admin_pb2.HealthResponse.STATE_SERVING)
        self.assertEqual(self.admin.status().queue.refused, 1)
        self.receive(holder)
        for client in clients:
            for reply in self.receive(client).replies:
                self.assert_ok(reply)
        self.assert_ok(self.one(late, CHANGE, {}))
        self.assertEqual(self.changes(), QUEUE_MAX + 2)

    def test_a_frame_that_no_queue_would_hold(self):
        """It is told so, and not to try again; one that fits an empty queue is served."""
        one = (sp.WRITE, state_pb2.WriteRequest(mutations=[sp.add(b"n", 1)]))
        with server.Server("--max-queue", "8") as served, served.client() as client:
            limits = client.status().limits
            self.assertEqual((limits.max_queued_calls, limits.max_calls_per_frame), (8, 8))
            (reply,) = client.frame([one] * 9).replies
            self.assertEqual(reply.status.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
            self.assertEqual(reply.status.message,
                             "9 calls in one frame, 8 are allowed; send several frames")
            self.assertEqual(reply.status.retry_after_ms, 0)
            self.assertEqual(reply.order.ticket, 0)
            for reply in client.frame([one] * 8).replies:
                self.assert_ok(reply)
            self.assertEqual(client.get(b"n"), b"8")

    def test_frames_beyond_the_share_are_refused_while_answers_take_long(self):
        self.serve()
        greedy, frames = self.client(), 200
        for holder in (self.occupy(300), self.occupy(300)):  # the second one queues behind it
            self.receive(holder)
        for _ in range(frames):
            self.send(greedy, (CHANGE, {"wait_us": 1000}))
        codes = [self.receive(greedy).replies[0].status.code for _ in range(frames)]
        done = codes.count(rpc_pb2.CODE_OK)
        self.assertEqual(done + codes.count(rpc_pb2.CODE_RESOURCE_EXHAUSTED), frames)
        self.assertLess(done, frames)
        self.assertEqual(self.changes(), done + 2)


class Failures(Busy):
    def test_a_handler_that_fails(self):
        self.serve()
        client = self.client()
        self.send(client, (CHANGE, {}), (CHANGE, {"fail": True}), (CHANGE, {}))
        first, failed, last = self.receive(client).replies
        self.assert_ok(first)
        self.assert_ok(last)
        self.assertEqual(failed.status.code, rpc_pb2.CODE_ABORTED)
        self.assertEqual(failed.status.message, "asked to fail")
        self.assertEqual(failed.order.ticket, first.order.ticket + 1)
        self.assertEqual(self.changes(), 2)

    def statectl(self, *arguments):
        done = subprocess.run([str(STATECTL), "-e", self.endpoint, *arguments], check=False,
                              text=True, capture_output=True, timeout=LIMIT_S)
        return done.returncode, done.stdout + done.stderr

    def test_a_torn_state_stays_poisoned_until_it_is_cleared(self):
        self.serve()
        holder = self.occupy(500, tear=True)
        queued = self.client()
        self.send(queued, (CHANGE, {}), (LOOK, {}))
        self.wait_for(lambda: self.queue().waiting_calls == 2, "calls waited")
        (torn,) = self.receive(holder).replies
        self.assertEqual(torn.status.code, rpc_pb2.CODE_INTERNAL)
        self.assertIn("half of change 1", torn.status.message)
        by = f"ticket {torn.order.ticket} ({CHANGE})"
        for reply in self.receive(queued).replies:
            self.assert_refused(reply, rpc_pb2.CODE_FAILED_PRECONDITION, by, ticket=True)
        reply = self.one(queued, LOOK, {})
        self.assert_refused(reply, rpc_pb2.CODE_FAILED_PRECONDITION, by, ticket=False)
        health = queued.health()
        self.assertEqual(health.state, admin_pb2.HealthResponse.STATE_POISONED)

        status, shown = self.statectl("poison", "show")
        self.assertEqual(status, 1, shown)
        self.assertIn(str(torn.order.ticket), shown)
        self.assertIn("half of change 1", shown)
        status, said = self.statectl("poison", "clear", str(torn.order.ticket + 1))
        self.assertEqual(status, 73, said)
        self.assertIn(f"poisoned by ticket {torn.order.ticket} ({CHANGE}), not by ticket "
                      f"{torn.order.ticket + 1}", said)
        self.assertEqual(self.statectl("poison", "show")[0], 1)
        self.assertEqual(self.statectl("poison", "clear", str(torn.order.ticket))[0], 0)
        self.assertEqual(self.statectl("poison", "show")[0], 0)
        self.assert_ok(self.one(queued, CHANGE, {}))
        self.assertEqual(self.changes(), 2)

    def test_a_torn_state_is_repaired_by_its_service(self):
        self.serve("recovers")
        client = self.client()
        self.send(client, (CHANGE, {}))
        before = self.receive(client)
        self.send(client, (CHANGE, {"tear": True}))
        self.assertEqual(self.receive(client).replies[0].status.code, rpc_pb2.CODE_INTERNAL)
        self.wait_for(lambda: self.one(client, LOOK, {}).status.code == rpc_pb2.CODE_OK,
                      "it was repaired")
        self.assertEqual(self.changes(), 1)
        self.send(client, (LOOK, {}))
        self.assertNotEqual(self.receive(client).epoch, before.epoch)


if __name__ == "__main__":
    unittest.main()
