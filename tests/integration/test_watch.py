"""Does Watch answer as its contract says: events, none in time, and why not?"""

import threading
import unittest

import server
import sp
from stated.v1 import rpc_pb2, state_pb2

EVENT = state_pb2.Event
WAIT_MS = 20000
# Long enough for a loaded machine to send a request; what is waited for comes much earlier.


def keys_of(response):
    return [event.entry.key for event in response.events]


class Answers(server.ServedTestCase):
    def setUp(self):
        self.client = self.server.client()
        self.other = self.server.client("tcp")
        self.base = self.other.put(self.key(b"base"), b"0").revision

    def tearDown(self):
        self.client.close()
        self.other.close()
        super().tearDown()

    def key(self, name):
        """A key of this test alone."""
        return self.id().encode() + b"/" + name

    def begin(self, select, from_revision=0, limit=0, timeout_ms=WAIT_MS):
        """Parks a watch on `client`."""
        parked = self.other.status().queue.parked_calls
        request = sp.watch_request(select, from_revision, limit)
        request_id = self.client.begin(sp.WATCH, request, timeout_ms)
        self.server.process.wait_until(
            lambda: self.other.status().queue.parked_calls == parked + 1, "the watch was parked")
        return request_id

    def finish(self):
        return self.client.finish(state_pb2.WatchResponse)[1]

    def test_what_has_happened_is_told_at_once(self):
        first = self.other.put(self.key(b"a"), b"1").revision
        second = self.other.write(sp.delete(sp.key(self.key(b"a")))).revision
        response = self.client.watch(sp.key(self.key(b"a")), self.base)
        self.assertEqual([event.type for event in response.events], [EVENT.TYPE_PUT,
                                                                     EVENT.TYPE_DELETE])
        put, delete = response.events
        self.assertEqual((put.entry.value, put.entry.mod_revision, put.entry.version),
                         (b"1", first, 1))
        self.assertFalse(put.HasField("previous"))
        self.assertEqual((delete.entry.mod_revision, delete.previous.value), (second, b"1"))
        self.assertEqual(response.next_revision, second + 1)

    def test_what_happens_later_is_told_then(self):
        self.begin(sp.key(self.key(b"a")))
        self.other.put(self.key(b"b"), b"not watched")
        revision = self.other.put(self.key(b"a"), b"1").revision
        response = self.finish()
        self.assertEqual(keys_of(response), [self.key(b"a")])
        self.assertEqual(response.next_revision, revision + 1)

    def test_every_kind_of_selector(self):
        for select, inside, outside in (
                (sp.key(self.key(b"k")), b"k", b"kk"),
                (sp.prefix(self.key(b"p")), b"pp", b"o"),
                (sp.prefix(b""), b"anything", None),
                (sp.span(self.key(b"r"), self.key(b"t")), b"s", b"t"),
                (sp.span(self.key(b"x")), b"y", b"w")):
            self.begin(select)
            if outside is not None:
                self.other.put(self.key(outside), b"0")
            self.other.put(self.key(inside), b"1")
            self.assertEqual(keys_of(self.finish()), [self.key(inside)], select)

    def test_no_events_when_the_time_is_over_and_where_to_go_on(self):
        parked = self.begin(sp.key(self.key(b"a")), timeout_ms=1500)
        last = 0
        for i in range(5):
            last = self.other.put(self.key(b"b"), b"%d" % i).revision
        request_id, response = self.client.finish(state_pb2.WatchResponse)
        self.assertEqual(request_id, parked)
        self.assertEqual(list(response.events), [])
        # Each write was told to the feed before it was acknowledged, but looked at after.
        self.assertGreater(response.next_revision, self.base)
        self.assertLessEqual(response.next_revision, last + 1)
        revision = self.other.put(self.key(b"a"), b"1").revision
        resumed = self.client.watch(sp.key(self.key(b"a")), response.next_revision)
        self.assertEqual([event.entry.mod_revision for event in resumed.events], [revision])

    def put_many(self, name, count):
        """As many revisions, in one frame; the last one."""
        calls = [(sp.WRITE, state_pb2.WriteRequest(mutations=[sp.put(self.key(name), b"%d" % i)]))
                 for i in range(count)]
        replies = self.other.frame(calls).replies
        return state_pb2.WriteResponse.FromString(replies[-1].payload).revision

    def test_an_empty_answer_moves_on_past_what_is_not_watched(self):
        last = self.put_many(b"b", 600)
        response = self.client.watch(sp.key(self.key(b"a")), self.base, timeout_ms=500)
        self.assertEqual((list(response.events), response.next_revision), ([], last + 1))

    def test_without_waiting_it_answers_with_what_there_is(self):
        last = self.put_many(b"b", 600)
        revision = self.other.put(self.key(b"a"), b"1").revision
        for from_revision, expected in ((self.base, [revision]), (last, [revision]),
                                        (revision + 1, []), (0, [])):
            response = self.client.call(
                sp.WATCH, sp.watch_request(sp.key(self.key(b"a")), from_revision, no_wait=True),
                state_pb2.WatchResponse, WAIT_MS)[0]
            self.assertEqual([event.entry.mod_revision for event in response.events], expected)
            self.assertEqual(response.next_revision, revision + 1)

    def test_the_shortest_wait_gives_a_place_to_go_on_from(self):
        response = self.client.watch(sp.key(self.key(b"a")), timeout_ms=1)
        self.assertEqual((list(response.events), response.next_revision), ([], self.base + 1))

    def test_a_limit_cuts_between_revisions(self):
        for i in range(5):
            self.other.put(self.key(b"a"), b"%d" % i)
        self.other.write(*[sp.put(self.key(b"a%d" % i), b"") for i in range(3)])
        revision, seen = self.base + 1, []
        while len(seen) < 8:
            response = self.client.watch(sp.prefix(self.key(b"a")), revision, limit=2)
            seen.append(len(response.events))
            revision = response.next_revision
            if sum(seen) == 8:
                break
        self.assertEqual(seen, [2, 2, 4])  # a revision comes whole

    def test_bad_requests_are_refused_by_name(self):
        for request, code, text in (
                (state_pb2.WatchRequest(), rpc_pb2.CODE_INVALID_ARGUMENT, "no selector"),
                (sp.watch_request(state_pb2.Selector()), rpc_pb2.CODE_INVALID_ARGUMENT,
                 "selects nothing"),
                (sp.watch_request(sp.key(b"")), rpc_pb2.CODE_INVALID_ARGUMENT, "is empty"),
                (sp.watch_request(sp.prefix(b"x" * 481)), rpc_pb2.CODE_INVALID_ARGUMENT, "481"),
                (sp.watch_request(sp.span(b"b", b"a")), rpc_pb2.CODE_INVALID_ARGUMENT, "ends at"),
                (sp.watch_request(sp.key(b"a"), 10**9), rpc_pb2.CODE_OUT_OF_RANGE,
                 "1000000000 is still to come")):
            reply = self.client.reply(sp.WATCH, request)
            self.assertEqual(reply.status.code, code, request)
            self.assertIn(text, reply.status.message)

    def test_a_frame_with_other_calls_is_answered_whole(self):
        calls = [(sp.WRITE, state_pb2.WriteRequest(mutations=[sp.put(self.key(b"b"), b"1")])),
                 (sp.WATCH, sp.watch_request(sp.key(self.key(b"a"))), WAIT_MS),
                 (sp.READ, state_pb2.ReadRequest(select=[sp.key(self.key(b"b"))])),
                 (sp.WATCH, sp.watch_request(sp.key(self.key(b"a"))), WAIT_MS)]

        def write_when_parked():
            self.server.process.wait_until(lambda: self.other.status().queue.parked_calls == 2,
                                           "both watches were parked")
            self.other.put(self.key(b"a"), b"2")

        thread = threading.Thread(target=write_when_parked)
        thread.start()
        replies = self.client.frame(calls).replies
        thread.join()
        self.assertEqual([reply.status.code for reply in replies], [rpc_pb2.CODE_OK] * 4)
        for reply in (replies[1], replies[3]):
            response = state_pb2.WatchResponse.FromString(reply.payload)
            self.assertEqual(keys_of(response), [self.key(b"a")])
            self.assertEqual(reply.order.ticket, 0)
        read = state_pb2.ReadResponse.FromString(replies[2].payload)
        self.assertEqual(read.entries[0].value, b"1")


class BeyondTheLog(unittest.TestCase):
    def test_whoever_waits_is_told_that_the_log_began_anew(self):
        # A write that takes more than half of what the log may have is not in it.
        with server.Server("--retention-bytes", "64k") as served, served.client() as client, \
                served.client("tcp") as other:
            first = other.put(b"a", b"1").revision
            client.begin(sp.WATCH, sp.watch_request(sp.key(b"a")), WAIT_MS)
            served.process.wait_until(lambda: other.status().queue.parked_calls == 1, "it waits")
            large = other.put(b"b", b"x" * 60000).revision
            with self.assertRaises(sp.RpcError) as refused:
                client.finish(state_pb2.WatchResponse)
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_OUT_OF_RANGE)
            self.assertIn(f"its oldest is {large + 1}", refused.exception.message)
            for revision in (first, large):
                with self.assertRaises(sp.RpcError) as refused:
                    client.watch(sp.key(b"a"), revision)
                self.assertEqual(refused.exception.code, rpc_pb2.CODE_OUT_OF_RANGE)
            last = other.put(b"a", b"2").revision
            response = client.watch(sp.key(b"a"), large + 1)
            self.assertEqual([event.entry.mod_revision for event in response.events], [last])


class OverTcp(Answers):
    def setUp(self):
        super().setUp()
        self.client.close()
        self.client = self.server.client("tcp")


if __name__ == "__main__":
    unittest.main(verbosity=2)
