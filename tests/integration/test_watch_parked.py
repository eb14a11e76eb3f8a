"""Do thousands of parked watches cost little, leave others alone, and end whatever happens?"""

import time
import unittest

import server
import sp
from stated.v1 import rpc_pb2, state_pb2

# A sanitizer is slow with many; how much memory each takes is not measured there.
WATCHES = 300 if server.SANITIZED else 3000
CONNECTIONS = 3
WAIT_MS = 300000
# targets.md, P8. What a sanitizer adds is its own.
MOST_BYTES_PER_WATCH = 4096


class Parked(unittest.TestCase):
    def parked(self, client):
        return client.status().queue.parked_calls

    def wait_parked(self, served, client, count):
        served.process.wait_until(lambda: self.parked(client) == count, f"{count} were parked",
                                  within_s=60)

    def park(self, served, clients, count, offset=0):
        """Parks `count` watches of a key each, over these clients; {request id: key} of each."""
        ids = [{} for _ in clients]
        for i in range(count):
            which = i % len(clients)
            name = b"watched/%06d" % (offset + i)
            request = sp.watch_request(sp.key(name))
            ids[which][clients[which].begin(sp.WATCH, request, WAIT_MS)] = name
        return ids

    def test_thousands_are_cheap_and_each_is_told_of_its_own(self):
        with server.Server() as served, served.client() as good:
            clients = [served.client("tcp") for _ in range(CONNECTIONS)]
            self.park(served, clients[:1], 8)  # what the first ones set up is not theirs
            self.wait_parked(served, good, 8)
            before = served.process.resident_bytes()
            ids = self.park(served, clients, WATCHES, offset=100)
            self.wait_parked(served, good, WATCHES + 8)
            each = (served.process.resident_bytes() - before) / WATCHES
            print(f"{WATCHES} parked watches over {CONNECTIONS} connections: {each:.0f} bytes each")
            if not server.SANITIZED:
                self.assertLessEqual(each, MOST_BYTES_PER_WATCH)

            # Ordinary calls of the same connections and of others go on beside them.
            self.assertIsNone(clients[1].get(b"other"))
            revision = good.put(b"other", b"1").revision
            self.assertEqual(self.parked(good), WATCHES + 8)

            for start in range(0, WATCHES, 1000):
                last = min(start + 1000, WATCHES)
                good.write(*[sp.put(b"watched/%06d" % (100 + i), b"v")
                             for i in range(start, last)])
            for client, expected in zip(clients, ids):
                for _ in range(len(expected)):
                    request_id, response = client.finish(state_pb2.WatchResponse)
                    name = expected.pop(request_id)
                    self.assertEqual([event.entry.key for event in response.events], [name])
                    self.assertGreater(response.events[0].entry.mod_revision, revision)
            self.wait_parked(served, good, 8)
            for client in clients:
                client.close()

    def test_a_connection_that_goes_takes_its_watches_along(self):
        with server.Server() as served, served.client() as good:
            for _ in range(3):
                clients = [served.client() for _ in range(4)]
                self.park(served, clients, 400)
                self.wait_parked(served, good, 400)
                clients[0].close()
                self.wait_parked(served, good, 300)
                clients[1].connection.socket.send(b"\x01\x00\x00")  # and one in mid-message
                for client in clients[1:]:
                    client.close()
                self.wait_parked(served, good, 0)
            # Not even waited for: the frames may be received when their connection is gone.
            for _ in range(50):
                client = served.client("tcp")
                self.park(served, [client], 20)
                client.close()
            self.wait_parked(served, good, 0)
            good.put(b"watched/000001", b"still serving")

    def test_a_stop_answers_them_all(self):
        with server.Server() as served, served.client() as good:
            clients = [served.client("tcp") for _ in range(CONNECTIONS)]
            ids = self.park(served, clients, 600)
            self.wait_parked(served, good, 600)
            revision = good.put(b"other", b"1").revision
            self.assertEqual(served.stop(), 0)
            for client, expected in zip(clients, ids):
                for _ in range(len(expected)):
                    request_id, response = client.finish(state_pb2.WatchResponse)
                    expected.pop(request_id)
                    self.assertEqual(list(response.events), [])
                    # The feed may not have seen the last write yet: then it is not passed over.
                    self.assertIn(response.next_revision, (revision, revision + 1))
                client.close()

    def test_too_many_are_refused_and_others_are_not(self):
        with server.Server("--max-parked", "20") as served, served.client() as good:
            with served.client("tcp") as client:
                self.park(served, [client], 20)
                self.wait_parked(served, good, 20)
                reply = good.reply(sp.WATCH, sp.watch_request(sp.key(b"a")), 1000)
                self.assertEqual(reply.status.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
                self.assertIn("20 calls are parked", reply.status.message)
                self.assertGreater(reply.status.retry_after_ms, 0)
                good.put(b"a", b"1")
            self.wait_parked(served, good, 0)
            self.assertEqual(len(good.watch(sp.key(b"a"), 1).events), 1)

    def test_a_connection_has_its_share(self):
        with server.Server("--max-parked-per-connection", "5") as served, served.client() as good:
            with served.client("tcp") as greedy, served.client("tcp") as other:
                self.park(served, [greedy], 5)
                self.wait_parked(served, good, 5)
                reply = greedy.reply(sp.WATCH, sp.watch_request(sp.key(b"a")), 1000)
                self.assertEqual(reply.status.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
                self.assertIn("5", reply.status.message)
                self.park(served, [other], 5)
                self.wait_parked(served, good, 10)

    def test_none_may_wait(self):
        for option in ("--max-parked", "--max-parked-per-connection"):
            with server.Server(option, "0") as served, served.client() as client:
                reply = client.reply(sp.WATCH, sp.watch_request(sp.key(b"a")), 1000)
                self.assertEqual(reply.status.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED)
                self.assertIn("lets no call wait", reply.status.message)
                self.assertIn(option.removeprefix("--"), reply.status.message)
                self.assertEqual(reply.status.retry_after_ms, 0)  # it would be the same again

    def test_they_do_not_use_up_what_ordinary_calls_need(self):
        # Slots for some 64 frames, and 64 frames in flight for each connection.
        with server.Server("--max-queue", "1") as served, served.client() as good:
            with served.client() as client:
                self.park(served, [client], WATCHES // 3)
                self.wait_parked(served, good, WATCHES // 3)
                started = time.monotonic()
                for i in range(200):
                    client.begin(sp.WRITE, state_pb2.WriteRequest(
                        mutations=[sp.put(b"n", b"%d" % i)]))
                    client.finish(state_pb2.WriteResponse)
                self.assertEqual(good.get(b"n"), b"199")
                print(f"200 writes beside {WATCHES // 3} parked watches: "
                      f"{time.monotonic() - started:.2f} s")

    def test_a_silent_connection_with_a_watch_is_not_idle(self):
        with server.Server("--idle-timeout", "2000") as served, served.client() as client:
            client.begin(sp.WATCH, sp.watch_request(sp.key(b"a")), WAIT_MS)
            with served.client() as idle:
                idle.health()
                # The idle one is closed, so the sweep has been at work.
                self.assertEqual(idle.connection.socket.recv(1), b"")
            with served.client() as fresh:
                fresh.put(b"a", b"1")
            self.assertEqual(len(client.finish(state_pb2.WatchResponse)[1].events), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
