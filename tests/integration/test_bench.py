"""Does stated-bench measure a real server, check its order, and say so when something is wrong?"""

import json
import signal
import subprocess
import threading
import unittest

import server

BENCH = server.BUILD / "bin" / "stated-bench"
STATECTL = server.BUILD / "bin" / "statectl"
LIMIT_S = 100


def bench(*arguments):
    """Runs it to its end."""
    return subprocess.run([str(BENCH), *map(str, arguments)], check=False, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S,
                          env=server.clean_environment())


class Usage(unittest.TestCase):
    def test_mistakes_are_named(self):
        for option, value in (("connections", "0"), ("connections", "x"), ("in-flight", "-1"),
                              ("calls", "1e6"), ("calls", "9999999"), ("duration", "nan"),
                              ("duration", "0"), ("read-percent", "101"), ("keys", ""),
                              ("value-size", "99999999999999999999"), ("prefix", ""),
                              ("prefix", "a b"), ("prefix", "x" * 480), ("seed", "1 "),
                              ("distribution", "normal"), ("output", "xml"), ("timeout", "0"),
                              ("rate", "0"), ("consistency", "none"), ("coalesce", "yes"),
                              ("number-writes", "")):
            done = bench(f"--{option}={value}")
            self.assertEqual(2, done.returncode, (option, value, done.stderr))
            if option != "calls":
                self.assertIn(f"--{option}", done.stderr)

    def test_options_that_exclude_each_other(self):
        for options in (["--calls=5", "--duration=1"], ["--no-check", "--order-log=/dev/null"],
                        ["argument"], ["--unknown"]):
            self.assertEqual(2, bench(*options).returncode, options)

    def test_help_and_version(self):
        self.assertIn("--read-percent", bench("--help").stdout)
        self.assertRegex(bench("--version").stdout, r"^stated-bench \d+\.\d+")

    def test_nobody_there(self):
        endpoint = f"tcp://127.0.0.1:{server.free_port()}"
        done = bench("-e", endpoint)
        self.assertEqual(78, done.returncode)
        self.assertIn(endpoint, done.stderr)

    def test_not_an_endpoint(self):
        done = bench("-e", "nonsense")
        self.assertEqual(67, done.returncode)
        self.assertIn("nonsense", done.stderr)

    def test_order_log_that_cannot_be_written(self):
        done = bench("--order-log=/nowhere/at/all")
        self.assertEqual(67, done.returncode)
        self.assertIn("/nowhere/at/all", done.stderr)


class Run(unittest.TestCase):
    def setUp(self):
        running = server.Server()
        running.__enter__()
        self.addCleanup(running.__exit__, None, None, None)
        self.server = running

    def measure(self, *arguments, status=0):
        done = bench("-e", self.server.tcp, "-o", "json", *arguments)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_many_clients_in_one_order(self):
        figures = self.measure("--connections", 64, "--in-flight", 2, "--calls", 6000,
                               "--read-percent", 50, "--keys", 50, "--alone")
        self.assertTrue(figures["order_ok"] and figures["gap_free"], figures)
        self.assertEqual(6000, figures["calls"])
        self.assertEqual(0, figures["errors"])
        self.assertEqual(5999, figures["last_ticket"] - figures["first_ticket"])
        self.assertGreater(figures["write_calls"], 2500)
        self.assertLessEqual(figures["p50_us"], figures["p99_us"])

    def test_again_on_what_is_there(self):
        for seed in range(3):
            figures = self.measure("--calls", 500, "--in-flight", 8, "--read-percent", 50,
                                   "--keys", 20, "--seed", seed, "--distribution", "zipf")
            self.assertTrue(figures["order_ok"] and figures["gap_free"], figures)

    def test_duration_and_sizes(self):
        for size in (0, 1, 15, 16, 17, 65536):
            figures = self.measure("--duration", 0.2, "--value-size", size, "--keys", 10,
                                   "--prefix", f"size{size}/")
            self.assertTrue(figures["order_ok"], figures)
            self.assertGreaterEqual(figures["seconds"], 0.2)

    def test_open_loop_at_a_rate(self):
        figures = self.measure("--rate", 400, "--duration", 1, "--connections", 2,
                               "--read-percent", 50)
        self.assertTrue(figures["order_ok"], figures)
        self.assertEqual(0, figures["errors"])
        self.assertLessEqual(figures["calls"], 402)
        self.assertEqual((400, 256), (figures["rate"], figures["in_flight"]))
        reads = [time for _, time in figures["read_distribution"]]
        self.assertEqual(sorted(reads), reads)
        self.assertEqual(figures["read_max_us"], reads[-1])
        shown = bench("-e", self.server.tcp, "--rate", 500, "--calls", 100).stdout
        self.assertIn("500 calls/s", shown)

    def test_calls_share_frames_or_have_one_each(self):
        for coalesce in ("on", "off"):
            figures = self.measure("--coalesce", coalesce, "--in-flight", 64, "--calls", 2000,
                                   "--read-percent", 80, "--alone")
            self.assertTrue(figures["order_ok"] and figures["gap_free"], figures)
            self.assertEqual(coalesce == "on", figures["coalesce"])

    def test_committed_reads_take_no_ticket(self):
        figures = self.measure("--consistency", "committed", "--calls", 500, "--read-percent", 100)
        self.assertEqual((500, 0), (figures["read_calls"], figures["order_calls"]))

    def test_value_over_the_limit_is_refused_by_name(self):
        done = bench("-e", self.server.tcp, "--value-size", 2 << 20)
        self.assertEqual(67, done.returncode, done.stdout + done.stderr)
        self.assertIn("bytes", done.stderr)

    def test_calls_of_others_are_noticed(self):
        stop = threading.Event()

        def meddle():
            with self.server.client() as client:
                while not stop.is_set():
                    client.put(b"other", b"x")

        meddler = threading.Thread(target=meddle)
        meddler.start()
        try:
            figures = self.measure("--duration", 0.5, "--in-flight", 4)
            self.assertTrue(figures["order_ok"], figures)
            self.assertFalse(figures["gap_free"])
            self.assertGreater(figures["tickets_of_others"], 0)
            figures = self.measure("--duration", 0.5, "--in-flight", 4, "--alone", status=1)
            self.assertIn("went to other clients", figures["order_message"])
        finally:
            stop.set()
            meddler.join()

    def test_control_writes_of_others_to_its_keys(self):
        stop = threading.Event()

        def meddle():
            with self.server.client() as client:
                while not stop.is_set():
                    client.put(b"bench/00000001", b"x")

        meddler = threading.Thread(target=meddle)
        meddler.start()
        try:
            figures = self.measure("--duration", 1, "--in-flight", 4, "--keys", 3, status=1)
        finally:
            stop.set()
            meddler.join()
        self.assertIn("key bench/00000001", figures["order_message"])

    def verify(self, log, *arguments):
        return subprocess.run([str(STATECTL), "verify-order", *arguments, str(log)], check=False,
                              text=True, capture_output=True, timeout=LIMIT_S,
                              env=server.clean_environment())

    def test_order_log_can_be_checked_by_itself(self):
        log = self.server.directory / "calls.jsonl"
        self.measure("--calls", 2000, "--connections", 4, "--in-flight", 4, "--read-percent", 50,
                     "--keys", 20, f"--order-log={log}")
        done = self.verify(log, "--alone")
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.measure("--calls", 500, "--keys", 20, f"--order-log={log}")
        done = self.verify(log)  # begins in the middle
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_control_altered_order_log(self):
        log = self.server.directory / "calls.jsonl"
        self.measure("--calls", 500, "--read-percent", 50, "--keys", 5, f"--order-log={log}")
        calls = [json.loads(line) for line in log.read_text().splitlines()]
        calls[100]["ticket"], calls[101]["ticket"] = calls[101]["ticket"], calls[100]["ticket"]
        log.write_text("".join(json.dumps(call) + "\n" for call in calls))
        self.assertEqual(1, self.verify(log).returncode)

    def test_interrupt_shows_what_there_is(self):
        with subprocess.Popen([str(BENCH), "-e", self.server.tcp, "--duration", "60"], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              env=server.clean_environment()) as running:
            with self.server.client() as client:
                self.server.process.wait_until(
                    lambda: client.status().queue.next_ticket > 100, "calls came")
            running.send_signal(signal.SIGINT)
            shown = running.communicate(timeout=LIMIT_S)[0]
            self.assertEqual(130, running.returncode, shown)
        self.assertIn("interrupted", shown)
        self.assertIn("fits the order of the tickets", shown)

    def test_server_that_is_killed(self):
        with subprocess.Popen([str(BENCH), "-e", self.server.tcp, "--duration", "60", "--timeout",
                               "200", "--in-flight", "16"], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=server.clean_environment()) as running:
            with self.server.client() as client:
                self.server.process.wait_until(
                    lambda: client.status().queue.next_ticket > 100, "calls came")
            self.server.kill()
            shown = running.communicate(timeout=LIMIT_S)[0]
            self.assertGreaterEqual(running.returncode, 64, shown)
        self.assertIn("gave up", shown)
        self.assertIn("not checked", shown)


if __name__ == "__main__":
    unittest.main(verbosity=2)
