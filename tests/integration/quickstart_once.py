"""Does tools/quickstart do what it says, find what it is there to find, and clean up after itself?"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
BUILD = pathlib.Path(os.environ["STATED_BUILD"])
QUICKSTART = SOURCE / "tools" / "quickstart"
STATECTL = BUILD / "bin" / "statectl"
LIMIT_S = 240

# A package database with what real ones have now and then: several architectures, several lines,
# quotes, backslashes, bytes that are no UTF-8, fields that are missing.
ODD_PACKAGES = b"""\
Package: plain
Status: install ok installed
Maintainer: A Person <a@example.org>
Architecture: all
Version: 1.0-1
Section: misc
Installed-Size: 12
Description: nothing special

Package: both
Status: install ok installed
Maintainer: Jos\xc3\xa9 "Pepe" O\\Neill <jose@example.org>
Architecture: amd64
Multi-Arch: same
Version: 2:1.0~rc1+b1
Description: one of two & <both>
 with a long text
 .
 in several lines

Package: both
Status: install ok installed
Maintainer: a tab\there, {"key": "value"}
Architecture: i386
Multi-Arch: same
Version: 2:1.0~rc1+b1
Description: the other of two %s $HOME `id` \\n \\u0041

Package: latin
Status: install ok installed
Maintainer: Fran\xe7ois <f@example.org>
Architecture: amd64
Version: 0
Section: non-free/\xff\xfe
Description: \xe2\x82\xac and \xf0\x9f\x98\x80

Package: removed
Status: deinstall ok config-files
Maintainer: Nobody <n@example.org>
Architecture: amd64
Version: 3
Description: only its configuration is left
"""


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.temporary = pathlib.Path(tempfile.mkdtemp(prefix="stated-test-"))
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)
        database = pathlib.Path(tempfile.mkdtemp(prefix="stated-test-"))
        self.addCleanup(shutil.rmtree, database, ignore_errors=True)
        (database / "status").write_bytes(ODD_PACKAGES)
        self.environment = {"PATH": os.environ["PATH"], "TMPDIR": str(self.temporary)}
        self.environment.update({name: value for name, value in os.environ.items()
                                 if name.endswith("SAN_OPTIONS")})
        self.odd_packages = {"DPKG_ADMINDIR": str(database)}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def command(self, *arguments):
        return [str(QUICKSTART), "--programs", str(BUILD / "bin"), "--port", str(self.port),
                "--seconds", "1", *arguments]

    def run_odd(self, *arguments, **environment):
        """Runs it to its end on a few odd packages."""
        return self.run_it(*arguments, **self.odd_packages, **environment)

    def run_it(self, *arguments, **environment):
        """Runs it to its end on this machine's packages, with next to nothing in the environment."""
        return subprocess.run(self.command(*arguments), check=False, cwd="/", text=True,
                              errors="replace", stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=LIMIT_S, env={**self.environment, **environment})

    def assert_nothing_left(self):
        """No files, and no process that has to do with them."""
        self.assertEqual([], list(self.temporary.iterdir()))
        for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = process.read_bytes()
            except OSError:
                continue  # it has just ended
            self.assertNotIn(bytes(self.temporary), line, f"{process} still runs")

    def assert_fails(self, done, *words):
        self.assertNotEqual(0, done.returncode, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("all checks passed", done.stdout)
        self.assert_nothing_left()

    def before_check(self, *arguments):
        """Runs statectl between import and check."""
        command = f'{STATECTL} -e "$STATED_QUICKSTART_ENDPOINT" {shlex.join(arguments)}'
        return {"STATED_QUICKSTART_BEFORE_CHECK": command}

    def test_all_is_well(self):
        done = self.run_it("--once")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        packages = subprocess.run(["dpkg-query", "-W", "-f", "x"], check=True, capture_output=True)
        keys = f"{6 * len(packages.stdout):,}"
        self.assertRegex(done.stdout, rf"keys imported +{keys}, all equal")
        self.assertRegex(done.stdout, r"tickets +\d+ to \d+, in order, none missing, none twice")
        self.assertRegex(done.stdout, r"rate +[\d,]+ calls/s")
        self.assertIn("all checks passed", done.stdout)
        self.assert_nothing_left()

    def test_odd_packages(self):
        done = self.run_odd("--once")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"keys imported +30, all equal")

    def test_control_altered_value(self):
        done = self.run_odd("--once", **self.before_check("put", "pkg/plain/version", "altered"))
        self.assert_fails(done, "1 values differ", "pkg/plain/version", "the server has: altered")

    def test_control_missing_key(self):
        done = self.run_odd("--once", **self.before_check("del", "pkg/plain/section"))
        self.assert_fails(done, "pkg/plain/section", "the server has: (no such key)")

    def test_control_key_too_many(self):
        done = self.run_odd("--once", **self.before_check("put", "pkg/none/version", "1"))
        self.assert_fails(done, "pkg/none/version", "dpkg-query has: (no such key)")

    def test_control_server_that_died(self):
        kill = f'kill -KILL "$(cat {self.temporary}/stated-quickstart-*/pid)"'
        done = self.run_odd("--once", STATED_QUICKSTART_BEFORE_CHECK=kill)
        self.assert_fails(done, "the export failed")

    def run_with(self, name, script):
        """Runs it with one of the programs replaced by a script."""
        with tempfile.TemporaryDirectory(prefix="stated-test-") as programs:
            for other in ("stated", "statectl", "stated-bench"):
                pathlib.Path(programs, other).symlink_to(BUILD / "bin" / other)
            replaced = pathlib.Path(programs, name)
            replaced.unlink()
            replaced.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
            replaced.chmod(0o755)
            return self.run_odd("--once", "--programs", programs)

    def test_server_that_does_not_start(self):
        done = self.run_with("stated", "echo no luck today >&2; exit 3")
        self.assert_fails(done, "the server did not start", "no luck today")

    def test_slow_server_is_waited_for(self):
        done = self.run_with("stated", f"""timeout 1 tail -f /dev/null
exec {BUILD}/bin/stated "$@" """)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assert_nothing_left()

    def test_control_broken_order(self):
        done = self.run_with("stated-bench", """cat <<'END'
{
  "order_message": "key \\"a\\", ticket 7",
  "order_ok": false
}
END
exit 1""")
        self.assert_fails(done, 'the order of replies was broken: key "a", ticket 7')

    def test_control_failed_calls(self):
        done = self.run_with("stated-bench", """cat <<'END'
{
  "errors": 3,
  "first_error": "no"
}
END""")
        self.assert_fails(done, "3 calls failed; the first: no")

    def test_control_failing_import(self):
        done = self.run_with("statectl", f"""case "$*" in
*import*) echo bad luck >&2; exit 67 ;;
esac
exec {STATECTL} "$@" """)
        self.assert_fails(done, "the import failed", "bad luck")

    def test_control_unclean_stop(self):
        done = self.run_with("stated", f"""trap 'kill $server; wait $server; exit 9' TERM
{BUILD}/bin/stated "$@" & server=$!
wait $server""")
        self.assert_fails(done, "the server ended with status 9 after SIGTERM")

    def test_port_and_directory_in_use(self):
        taken = self.temporary / f"stated-quickstart-{os.getuid()}-1"
        taken.mkdir()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", self.port))
            listener.listen()
            done = self.run_odd("--once")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn(f"port {self.port} is in use", done.stdout)
        self.assertIn(f"{taken} exists already", done.stdout)
        taken.rmdir()
        self.assert_nothing_left()

    def test_port_that_nobody_listens_on_but_is_taken(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", self.port))
            done = self.run_odd("--once")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn(f"port {self.port} is in use", done.stdout)
        self.assert_nothing_left()

    def test_interrupt_cleans_up(self):
        with subprocess.Popen(self.command("--once"), cwd="/", text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              start_new_session=True, env=self.environment) as running:
            output = ""
            for line in running.stdout:
                output += line
                if "Work:" in line:
                    os.killpg(running.pid, signal.SIGINT)
            self.assertEqual(130, running.wait(LIMIT_S), output)
        self.assert_nothing_left()

    def test_left_running_with_commands_to_try(self):
        done = self.run_it()
        try:
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            pid = re.search(r"goes on running \(pid (\d+)\)", done.stdout).group(1)
            commands = re.findall(r"^    (\S.*statectl .*)$", done.stdout, re.MULTILINE)
            self.assertEqual(3, len(commands), done.stdout)
            for command in commands:
                tried = subprocess.run(command, shell=True, check=False, capture_output=True,
                                       timeout=LIMIT_S)
                self.assertEqual(0, tried.returncode, (command, tried))
                self.assertNotEqual(b"", tried.stdout, command)
            endpoint = shlex.split(commands[0])[2]
            count = subprocess.run([str(STATECTL), "-e", endpoint, "ls", "--count", "bench/"],
                                   check=True, capture_output=True, timeout=LIMIT_S)
            self.assertEqual(b"0", count.stdout.strip(), "the clients' keys are still there")
            second = self.run_odd("--once")
            self.assertEqual(0, second.returncode, second.stdout + second.stderr)
            self.assertIn(f"in use by the server with pid {pid}", second.stdout)
            self.assertIn(f"port {self.port} is in use", second.stdout)
        finally:
            stopped = self.run_it("--stop")
        self.assertEqual(0, stopped.returncode)
        self.assertIn(f"stopped the server with pid {pid}", stopped.stdout)
        self.assert_nothing_left()

    def test_stop_leaves_others_alone(self):
        hook = f"TMPDIR={self.temporary} {QUICKSTART} --stop >{self.temporary}/said"
        done = self.run_odd("--once", STATED_QUICKSTART_BEFORE_CHECK=hook)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        said = self.temporary / "said"
        self.assertIn("where a quickstart is at work", said.read_text())
        said.unlink()
        self.assert_nothing_left()
        self.assertIn("nothing to stop", self.run_it("--stop").stdout)

    def test_bad_arguments(self):
        for arguments in (["--bogus"], ["--port", "x"], ["--port"], ["--seconds", "0"],
                          ["--programs", "/nowhere"], ["--programs"]):
            done = subprocess.run([str(QUICKSTART), *arguments], check=False, text=True,
                                  capture_output=True, timeout=LIMIT_S, env=self.environment)
            self.assertNotEqual(0, done.returncode, arguments)
            self.assertIn(arguments[0], done.stderr)

    def test_help(self):
        done = subprocess.run([str(QUICKSTART), "--help"], check=True, text=True,
                              capture_output=True, timeout=LIMIT_S, env=self.environment)
        for option in ("--once", "--programs", "--port", "--seconds", "--stop"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
