"""Does a write with a sequence happen once, however often it is sent, and across restarts?"""

import os
import random
import threading
import unittest

import server
import sp
from stated.v1 import rpc_pb2, state_pb2

DUPLICATES = 8
WRITES = 200


def add_request(key, delta=1):
    return state_pb2.WriteRequest(mutations=[sp.add(key, delta)])


class Numbered:
    """A connection that numbers its writes by hand, under a client id of its own."""

    def __init__(self, endpoint, client_id=None):
        self.client = sp.Client(endpoint)
        self.client_id = client_id or os.urandom(16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def send(self, sequence, request, acked_below=0, client_id=None):
        """The Reply to one write with this sequence."""
        frame = rpc_pb2.RequestFrame(client_id=self.client_id if client_id is None else client_id,
                                     acked_below=acked_below)
        frame.calls.add(method=sp.WRITE, payload=request.SerializeToString(), sequence=sequence)
        return self.client.raw(frame.SerializeToString()).replies[0]


class ExactlyOnce(server.ServedTestCase):
    def value(self, key):
        with self.server.client() as client:
            return client.get(key)

    def test_a_write_sent_again_is_answered_and_not_repeated(self):
        with Numbered(self.server.ipc) as numbered:
            first = numbered.send(1, add_request(b"again"))
            second = numbered.send(1, add_request(b"again"))
        self.assertEqual(first.status.code, rpc_pb2.CODE_OK)
        self.assertFalse(first.order.replayed)
        self.assertTrue(second.order.replayed)
        self.assertEqual(first.payload, second.payload)
        self.assertEqual(self.value(b"again"), b"1")

    def test_duplicates_at_the_same_time_happen_once(self):
        client_id = os.urandom(16)
        replies = []

        def send():
            with Numbered(self.server.ipc, client_id) as numbered:
                for sequence in range(1, WRITES + 1):
                    replies.append(numbered.send(sequence, add_request(b"race")))

        threads = [threading.Thread(target=send) for _ in range(DUPLICATES)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(replies), DUPLICATES * WRITES)
        self.assertEqual({reply.status.code for reply in replies}, {rpc_pb2.CODE_OK})
        self.assertEqual(sum(not reply.order.replayed for reply in replies), WRITES)
        self.assertEqual(self.value(b"race"), str(WRITES).encode())

    def test_it_lasts_over_a_kill(self):
        with server.Server() as running:
            client_id = os.urandom(16)
            with Numbered(running.ipc, client_id) as numbered:
                first = numbered.send(7, add_request(b"kept"))
            running.kill()
            running.start()
            with Numbered(running.ipc, client_id) as numbered:
                second = numbered.send(7, add_request(b"kept"))
                self.assertEqual(numbered.client.get(b"kept"), b"1")
            self.assertTrue(second.order.replayed)
            self.assertEqual(first.payload, second.payload)

    def test_a_sequence_with_another_request_is_refused(self):
        with Numbered(self.server.ipc) as numbered:
            numbered.send(3, add_request(b"other"))
            reply = numbered.send(3, add_request(b"other", 2))
        self.assertEqual(reply.status.code, rpc_pb2.CODE_INVALID_ARGUMENT)
        self.assertIn("3", reply.status.message)
        self.assertEqual(self.value(b"other"), b"1")

    def test_a_sequence_that_was_acknowledged_is_refused(self):
        with Numbered(self.server.ipc) as numbered:
            numbered.send(1, add_request(b"acked"))
            numbered.send(2, add_request(b"acked"), acked_below=2)
            reply = numbered.send(1, add_request(b"acked"), acked_below=2)
        self.assertEqual(reply.status.code, rpc_pb2.CODE_FAILED_PRECONDITION)
        self.assertEqual(self.value(b"acked"), b"2")

    def test_a_sequence_needs_a_client(self):
        with Numbered(self.server.ipc) as numbered:
            reply = numbered.send(1, add_request(b"nobody"), client_id=b"")
        self.assertEqual(reply.status.code, rpc_pb2.CODE_INVALID_ARGUMENT)
        self.assertIn("client_id", reply.status.message)
        self.assertIsNone(self.value(b"nobody"))

    def test_without_a_sequence_each_send_counts(self):
        """The control: what the tests above would see if numbers did nothing."""
        with Numbered(self.server.ipc) as numbered:
            for _ in range(2):
                self.assertFalse(numbered.send(0, add_request(b"plain")).order.replayed)
        self.assertEqual(self.value(b"plain"), b"2")

    def test_lost_replies_neither_lose_nor_repeat_a_write(self):
        """One reply in ten is thrown away and its write is sent again over a fresh connection."""
        seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(31)))
        chance = random.Random(seed)
        client_id = os.urandom(16)
        numbered = Numbered(self.server.ipc, client_id)
        dropped = 0
        for sequence in range(1, WRITES * 5 + 1):
            request = add_request(b"lossy")
            if chance.random() < 0.1:
                frame = rpc_pb2.RequestFrame(client_id=client_id)
                frame.calls.add(method=sp.WRITE, payload=request.SerializeToString(),
                                sequence=sequence)
                numbered.client.connection.send(frame.SerializeToString())
                numbered.client.close()
                numbered = Numbered(self.server.ipc, client_id)
                dropped += 1
            reply = numbered.send(sequence, request, acked_below=sequence)
            self.assertEqual(reply.status.code, rpc_pb2.CODE_OK, f"TEST_SEED={seed}")
        numbered.client.close()
        print(f"{WRITES * 5} writes, {dropped} replies dropped: 0 applied twice, 0 lost")
        self.assertEqual(self.value(b"lossy"), str(WRITES * 5).encode(), f"TEST_SEED={seed}")


if __name__ == "__main__":
    unittest.main()
