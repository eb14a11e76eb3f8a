"""What happens when the state is full, by the size limit and by the limit of a file's size: exactly
the writes that grow are refused, Health says why, and all goes on by itself when there is room."""

import resource
import unittest

import full
import server
import sp

LIMIT_BYTES = 4 << 20


class SizeLimit(unittest.TestCase):
    def test_at_the_size_limit(self):
        def delete(client):
            full.check_read_only(self, client, "the state is full")
            client.write(sp.delete(sp.span(full.name(1), full.name(20))))

        with server.Server("--size-limit", LIMIT_BYTES) as running:
            full.check(self, running, "the state is full", delete)

    def test_control_a_larger_limit_takes_more(self):
        with server.Server("--size-limit", 4 * LIMIT_BYTES) as running, running.client() as client:
            for number in range(2 * LIMIT_BYTES // len(full.VALUE)):
                client.put(full.name(number), full.VALUE)
            full.check_serving(self, client)


class FileLimit(unittest.TestCase):
    def test_at_the_limit_of_a_file(self):
        with server.Server("--retention-revisions", 1) as running:
            pid = running.process.pid
            before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

            def lift(_):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)

            resource.prlimit(pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, before[1]))
            full.check(self, running, "the disk is full", lift)


if __name__ == "__main__":
    unittest.main()
