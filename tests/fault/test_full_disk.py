"""What happens when the disk is full, for real: the data directory is on a file system of its own,
with no room to spare, once in memory and once on a loop device."""

import contextlib
import os
import pathlib
import subprocess
import sys
import unittest

import full
import server
import statectl

DISK_MIB = 16


def mount(*arguments):
    return subprocess.run(["mount", *map(str, arguments)], check=False, capture_output=True)


@contextlib.contextmanager
def mounted(kind):
    """A file system of that kind in a private directory; None when it cannot be had here."""
    with server.Directory() as directory:
        point = directory / "disk"
        point.mkdir()
        if kind == "tmpfs":
            done = mount("-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", point)
        else:
            image = directory / "image"
            with open(image, "wb") as file:
                file.truncate(DISK_MIB << 20)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=False)
            done = mount("-o", "loop", image, point)
        if done.returncode != 0:
            yield None
            return
        try:
            yield point
        finally:
            subprocess.run(["umount", "-l", point], check=True)


class FullDisk(unittest.TestCase):
    def check(self, kind):
        with mounted(kind) as disk:
            if disk is None:
                self.skipTest(f"no {kind} can be mounted here")
            ballast = pathlib.Path(disk) / "ballast"
            ballast.write_bytes(b"b" * (DISK_MIB << 19))
            with server.Server("--retention-revisions", 1, directory=disk) as running:
                full.check(self, running, "the disk is full", lambda _: ballast.unlink())

    def test_in_memory(self):
        self.check("tmpfs")

    def test_on_a_loop_device(self):
        self.check("ext4")

    def test_a_snapshot_takes_no_room_that_is_not_there(self):
        with mounted("tmpfs") as disk, server.Directory() as elsewhere:
            with server.Server(directory=disk) as running, running.client() as client:
                for number in range(40):
                    client.put(full.name(number), full.VALUE)
                ballast = pathlib.Path(disk) / "ballast"
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                ballast.write_bytes(b"b" * (free - (2 << 20)))
                save = ("-e", running.ipc, "snapshot", "save", elsewhere / "file")
                done = statectl.run(*save)
                self.assertEqual(done.status, 72, done)
                self.assertRegex(done.said, "a snapshot needs about [0-9]+ bytes in .*, where [0-9]+ are")
                self.assertEqual(list(elsewhere.iterdir()), [])
                full.check_serving(self, client)
                client.put(b"goes", b"on")
                ballast.unlink()
                done = statectl.run(*save)
                self.assertEqual(done.status, 0, done)


if __name__ == "__main__":
    with mounted("tmpfs") as probe:
        if probe is None:
            print("skipped: file systems cannot be mounted here (it takes root)")
            sys.exit(77)
    unittest.main()
