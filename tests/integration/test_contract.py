"""Does the server do what the contract says, seen from another language, over each transport?"""

import os
import unittest

import server
import sp
from stated.v1 import rpc_pb2, state_pb2

MAX_KEY_BYTES = 480


class Contract:
    """One server for all tests of a transport; each test has keys of its own."""

    transport = None

    def setUp(self):
        self.client = self.server.client(self.transport)
        self.addCleanup(self.client.close)
        self.root = self.id().rsplit(".", 1)[1].encode() + b"/"

    def name(self, suffix):
        return self.root + suffix

    def put(self, suffix, value):
        return self.client.put(self.name(suffix), value).revision

    def entry(self, suffix):
        entries = self.client.read(sp.key(self.name(suffix))).entries
        self.assertEqual(len(entries), 1)
        return entries[0]

    def fill(self, count):
        names = [self.name(b"%03d" % i) for i in range(count)]
        self.client.write(*(sp.put(name, b"v" + name) for name in names))
        return names

    # Entries and their revisions

    def test_put_makes_an_entry(self):
        revision = self.put(b"a", b"one")
        entry = self.entry(b"a")
        self.assertEqual(entry.value, b"one")
        self.assertEqual((entry.create_revision, entry.mod_revision, entry.version),
                         (revision, revision, 1))

    def test_put_again_changes_it(self):
        first = self.put(b"a", b"one")
        second = self.put(b"a", b"two")
        entry = self.entry(b"a")
        self.assertEqual(second, first + 1)
        self.assertEqual((entry.value, entry.create_revision, entry.mod_revision, entry.version),
                         (b"two", first, second, 2))

    def test_delete_and_put_starts_over(self):
        self.put(b"a", b"one")
        self.client.write(sp.delete(sp.key(self.name(b"a"))))
        self.assertIsNone(self.client.get(self.name(b"a")))
        revision = self.put(b"a", b"two")
        entry = self.entry(b"a")
        self.assertEqual((entry.create_revision, entry.version), (revision, 1))

    def test_any_bytes_make_a_key_and_a_value(self):
        every = bytes(range(256))
        self.client.put(every, every)
        self.assertEqual(self.client.get(every), every)
        longest = self.root.ljust(MAX_KEY_BYTES, b"\xff")
        self.client.put(longest, b"")
        self.assertEqual(self.client.get(longest), b"")

    def test_large_value_comes_back_whole(self):
        value = os.urandom(900_000)
        self.put(b"a", value)
        self.assertEqual(self.entry(b"a").value, value)

    def test_an_absent_key_is_no_entry(self):
        response = self.client.read(sp.key(self.name(b"none")))
        self.assertEqual((len(response.entries), response.count, response.more), (0, 0, False))

    # Selectors, limits, pages

    def test_prefix_and_range_select(self):
        names = self.fill(10)
        everything = self.client.read(sp.prefix(self.root))
        self.assertEqual([entry.key for entry in everything.entries], names)
        self.assertEqual(everything.count, 10)
        part = self.client.read(sp.span(names[2], names[5]))
        self.assertEqual([entry.key for entry in part.entries], names[2:5])

    def test_open_range_reaches_the_last_key(self):
        last = b"\xff" * 40 + self.root
        self.client.put(last, b"x")
        found = self.client.read(sp.span(b"\xff" * 40))
        self.assertIn(last, [entry.key for entry in found.entries])

    def test_empty_prefix_selects_every_key(self):
        names = self.fill(3)
        found = self.client.read(sp.prefix(b""), keys_only=True)
        self.assertLessEqual(set(names), {entry.key for entry in found.entries})

    def test_several_selectors_in_one_read(self):
        names = self.fill(6)
        found = self.client.read(sp.key(names[5]), sp.span(names[0], names[2]))
        self.assertEqual(sorted(entry.key for entry in found.entries), names[:2] + names[5:])

    def test_pages_hold_every_key_once(self):
        names = self.fill(25)
        seen, after, pages = [], b"", 0
        while True:
            page = self.client.read(sp.prefix(self.root), limit=10, after=after)
            seen += [entry.key for entry in page.entries]
            pages += 1
            if not page.more:
                break
            self.assertEqual(len(page.entries), 10)
            after = page.entries[-1].key
        self.assertEqual(seen, names)
        self.assertEqual(pages, 3)

    def test_a_reply_stops_before_the_message_limit(self):
        for i in range(4):
            self.put(b"%d" % i, bytes(400_000))
        page = self.client.read(sp.prefix(self.root))
        self.assertTrue(page.more)
        self.assertEqual(len(page.entries), 2)

    def test_keys_only_leaves_the_values_out(self):
        names = self.fill(3)
        found = self.client.read(sp.prefix(self.root), keys_only=True)
        self.assertEqual([(entry.key, entry.value) for entry in found.entries],
                         [(name, b"") for name in names])
        self.assertTrue(all(entry.version == 1 for entry in found.entries))

    def test_count_only_counts(self):
        self.fill(25)
        found = self.client.read(sp.prefix(self.root), count_only=True)
        self.assertEqual((found.count, len(found.entries)), (25, 0))

    # Writes

    def test_mutations_of_one_write_share_a_revision(self):
        first = self.put(b"gone", b"x")
        response = self.client.write(
            sp.put(self.name(b"a"), b"1"), sp.add(self.name(b"n"), 5),
            sp.delete(sp.key(self.name(b"gone"))))
        self.assertTrue(response.applied)
        self.assertEqual(response.revision, first + 1)
        found = self.client.read(sp.prefix(self.root))
        self.assertEqual([(entry.value, entry.mod_revision) for entry in found.entries],
                         [(b"1", first + 1), (b"5", first + 1)])

    def test_delete_takes_prefixes_and_ranges(self):
        names = self.fill(10)
        self.client.write(sp.delete(sp.span(names[0], names[4])))
        self.assertEqual(self.client.read(sp.prefix(self.root), count_only=True).count, 6)
        self.client.write(sp.delete(sp.prefix(self.root)))
        self.assertEqual(self.client.read(sp.prefix(self.root), count_only=True).count, 0)

    def test_add_counts(self):
        counter = self.name(b"n")
        for delta, value in ((7, b"7"), (-10, b"-3"), (3, b"0")):
            self.client.write(sp.add(counter, delta))
            self.assertEqual(self.client.get(counter), value)

    def test_add_refuses_what_is_no_number(self):
        self.put(b"text", b"hello")
        before = self.client.status().store.revision
        with self.assertRaises(sp.RpcError) as caught:
            self.client.write(sp.put(self.name(b"other"), b"x"), sp.add(self.name(b"text"), 1))
        self.assertEqual(caught.exception.code, rpc_pb2.CODE_FAILED_PRECONDITION)
        self.assertIn("text", caught.exception.message)
        self.assertEqual(self.client.get(self.name(b"text")), b"hello")
        self.assertIsNone(self.client.get(self.name(b"other")), "nothing of it may be applied")
        self.assertEqual(self.client.status().store.revision, before)

    def test_add_refuses_to_overflow(self):
        counter, largest = self.name(b"n"), (1 << 63) - 1
        self.client.write(sp.add(counter, largest))
        with self.assertRaises(sp.RpcError) as caught:
            self.client.write(sp.add(counter, 1))
        self.assertEqual(caught.exception.code, rpc_pb2.CODE_OUT_OF_RANGE)
        self.assertEqual(self.client.get(counter), b"%d" % largest)

    def test_previous_entries_come_back_when_asked_for(self):
        self.put(b"a", b"one")
        name = self.name(b"a")
        response = self.client.write(sp.put(name, b"two"), sp.put(self.name(b"b"), b"new"),
                                     return_previous=True)
        self.assertEqual([(entry.key, entry.value) for entry in response.previous],
                         [(name, b"one")])
        response = self.client.write(sp.put(name, b"three"))
        self.assertEqual(len(response.previous), 0)

    # Guards

    def check_guard(self, guard, holds):
        """A write under the guard applies or does not, whole."""
        target = self.name(b"target")
        before = self.client.get(target)
        response = self.client.write(sp.put(target, os.urandom(8)), sp.add(self.name(b"n"), 1),
                                     guards=[guard])
        self.assertEqual(response.applied, holds, str(guard))
        if holds:
            self.assertNotEqual(self.client.get(target), before)
        else:
            self.assertEqual(self.client.get(target), before)
            self.assertEqual(response.revision, self.client.status().store.revision)
            self.assertEqual([entry.key for entry in response.current],
                             [guard.key] if self.client.get(guard.key) is not None else [])

    def test_guard_exists(self):
        self.put(b"a", b"one")
        self.check_guard(sp.guard(self.name(b"a"), exists=True), True)
        self.check_guard(sp.guard(self.name(b"a"), exists=False), False)
        self.check_guard(sp.guard(self.name(b"none"), exists=True), False)
        self.check_guard(sp.guard(self.name(b"none"), exists=False), True)

    def test_guard_mod_revision(self):
        revision = self.put(b"a", b"one")
        self.check_guard(sp.guard(self.name(b"a"), mod_revision=revision), True)
        self.check_guard(sp.guard(self.name(b"a"), mod_revision=revision + 1), False)
        self.check_guard(sp.guard(self.name(b"none"), mod_revision=revision), False)

    def test_guard_version(self):
        self.put(b"a", b"one")
        self.put(b"a", b"two")
        self.check_guard(sp.guard(self.name(b"a"), version=2), True)
        self.check_guard(sp.guard(self.name(b"a"), version=1), False)
        self.check_guard(sp.guard(self.name(b"none"), version=1), False)

    def test_guard_value(self):
        self.put(b"a", b"one")
        self.check_guard(sp.guard(self.name(b"a"), value=b"one"), True)
        self.check_guard(sp.guard(self.name(b"a"), value=b"on"), False)
        self.check_guard(sp.guard(self.name(b"a"), value=b""), False)
        self.check_guard(sp.guard(self.name(b"none"), value=b""), False)

    def test_every_guard_must_hold(self):
        self.put(b"a", b"one")
        good, bad = sp.guard(self.name(b"a"), exists=True), sp.guard(self.name(b"a"), version=9)
        mutation = sp.put(self.name(b"b"), b"x")
        self.assertFalse(self.client.write(mutation, guards=[good, bad]).applied)
        self.assertFalse(self.client.write(mutation, guards=[bad, good]).applied)
        self.assertIsNone(self.client.get(self.name(b"b")))
        self.assertTrue(self.client.write(mutation, guards=[good, good]).applied)

    def test_refused_write_shows_the_guarded_keys(self):
        revision = self.put(b"a", b"one")
        response = self.client.write(
            sp.put(self.name(b"b"), b"x"),
            guards=[sp.guard(self.name(b"a"), version=9), sp.guard(self.name(b"none"), version=9)])
        self.assertEqual([(entry.key, entry.value, entry.mod_revision)
                          for entry in response.current], [(self.name(b"a"), b"one", revision)])

    def test_guards_alone_change_nothing(self):
        revision = self.put(b"a", b"one")
        response = self.client.write(guards=[sp.guard(self.name(b"a"), exists=True)])
        self.assertEqual((response.applied, response.revision), (True, revision))

    # Order

    def test_tickets_count_reads_and_writes(self):
        orders = [self.client.call(sp.READ, state_pb2.ReadRequest(select=[sp.key(b"x")]),
                                   state_pb2.ReadResponse)[1] for _ in range(5)]
        tickets = [order.ticket for order in orders]
        self.assertEqual(tickets, list(range(tickets[0], tickets[0] + 5)))
        self.assertGreater(tickets[0], 0)

    def test_calls_of_a_frame_have_consecutive_tickets(self):
        name = self.name(b"a")
        read = (sp.READ, state_pb2.ReadRequest(select=[sp.key(name)]))
        calls = [read]
        for value in (b"1", b"2"):
            calls += [(sp.WRITE, state_pb2.WriteRequest(mutations=[sp.put(name, value)])), read]
        replies = self.client.frame(calls).replies
        first = replies[0].order.ticket
        self.assertEqual([reply.order.ticket for reply in replies],
                         list(range(first, first + len(calls))))
        values = [[entry.value for entry in state_pb2.ReadResponse.FromString(reply.payload).entries]
                  for reply in replies[::2]]
        self.assertEqual(values, [[], [b"1"], [b"2"]])

    def test_committed_read_takes_no_ticket_and_sees_acknowledged_writes(self):
        name = self.name(b"a")
        for i in range(20):
            self.client.put(name, b"%d" % i)
            response, order = self.client.call(
                sp.READ, state_pb2.ReadRequest(select=[sp.key(name)],
                                               consistency=state_pb2.CONSISTENCY_COMMITTED),
                state_pb2.ReadResponse)
            self.assertEqual(order.ticket, 0)
            self.assertEqual(response.entries[0].value, b"%d" % i)

    def test_admin_takes_no_ticket(self):
        before = self.client.status().queue.next_ticket
        self.client.health()
        self.assertEqual(self.client.status().queue.next_ticket, before)

    def test_a_good_call_beside_a_bad_one_is_answered(self):
        bad = (sp.READ, state_pb2.ReadRequest(select=[sp.key(b"")]))
        good = (sp.READ, state_pb2.ReadRequest(select=[sp.key(self.name(b"a"))]))
        replies = self.client.frame([good, bad, good]).replies
        self.assertEqual([reply.status.code for reply in replies],
                         [rpc_pb2.CODE_OK, rpc_pb2.CODE_INVALID_ARGUMENT, rpc_pb2.CODE_OK])
        self.assertEqual(replies[1].order.ticket, 0)
        self.assertEqual(replies[2].order.ticket, replies[0].order.ticket + 1)

    def test_epoch_is_one_while_the_server_runs(self):
        with self.server.client("ipc") as other:
            epochs = {client.frame([(sp.HEALTH, b"")]).epoch for client in (self.client, other)}
        self.assertEqual(len(epochs), 1)
        self.assertNotEqual(epochs, {0})

    def test_status_tells_who_it_is(self):
        status = self.client.status()
        self.assertEqual(status.pid, self.server.process.pid)
        self.assertEqual(status.data_directory, str(self.server.data))
        self.assertEqual(set(status.endpoints), {self.server.ipc, self.server.tcp})
        self.assertEqual(status.store.engine, "lmdb")
        self.assertEqual(status.store.durability, "sync")
        self.assertGreaterEqual(status.connections, 1)


class OverIpc(Contract, server.ServedTestCase):
    transport = "ipc"


class OverTcp(Contract, server.ServedTestCase):
    transport = "tcp"


if __name__ == "__main__":
    unittest.main()
