"""Is everything that was acknowledged there after kill -9, once, and as if nothing had happened?

usage: test_kills.py [KILLS]   the seed of the calls and of the kills' moments is printed

Clients call one server at random while it is killed again and again. What they recorded is then
judged by times alone: for every key there must be an order of the calls that explains all replies.
"""

import os
import random
import sys
import unittest

import recorder
import server
import sp
import statectl

KILLS = 20 if server.SANITIZED else 50
CONTROL_KILLS = 10
CLIENTS = 6
# How many writes are acknowledged between two kills.
FEWEST, MOST = 5, 60


def new_seed():
    seed = int(os.environ.get("TEST_SEED", random.SystemRandom().getrandbits(32)))
    print(f"seed {seed} (TEST_SEED={seed} repeats it)", flush=True)
    return seed


def read_all(stage, clients):
    """Reads every key that was used, so that what it holds in the end is part of the record."""
    reader = recorder.Recorder(stage, CLIENTS, random.Random(0))
    for generation in range(stage.generation + 1):
        for kind, count in (("key", recorder.KEYS), ("count", 2)):
            for number in range(count):
                name = f"{kind}/{generation}/{number}".encode()
                reader.call(sp.READ, recorder.state_pb2.ReadRequest(select=[sp.key(name)]))
    reader.connect()
    lost = [key for client in clients for key in client.lost(reader.client)]
    reader.disconnect()
    return lost


class Kills(unittest.TestCase):
    def run_kills(self, kills, seed, program=server.STATED):
        """(findings, what is to be told about it) of so many kills."""
        chance = random.Random(seed)
        with server.Server(program=program) as running:
            path = running.directory / "calls.jsonl"
            log = recorder.Log(path)
            stage = recorder.Stage(running, log)
            clients = [recorder.Recorder(stage, number, random.Random(seed + number))
                       for number in range(CLIENTS)]
            for client in clients:
                client.start()
            for _ in range(kills):
                enough = sum(client.acknowledged for client in clients) + chance.randint(FEWEST, MOST)
                running.process.wait_until(
                    lambda: sum(client.acknowledged for client in clients) >= enough or
                    any(client.failure for client in clients), "writes were acknowledged", 120)
                stage.restart()
            stage.is_over.set()
            for client in clients:
                client.join(recorder.CATCH_UP_S)
                if client.failure is not None:
                    raise client.failure
                self.assertFalse(client.is_alive())
            lost = read_all(stage, clients)
            log.close()
            judged = statectl.run("verify-order", "--by-time", "--alone", path)
        findings = [found for client in clients for found in client.findings]
        findings += [f"{key} was acknowledged and is not there" for key in lost]
        if judged.status != 0:
            findings.append(judged.out.decode() + judged.said)
        told = (f"{kills} kills, {sum(client.acknowledged for client in clients)} acknowledged "
                f"writes: {len(lost)} lost; {sum(client.resent for client in clients)} sent again "
                f"until they were answered, {sum(client.repeated for client in clients)} answered "
                f"ones sent again; {log.calls} calls, {log.open} of them without a reply: "
                f"{judged.out.decode().strip()}")
        return findings, told

    def test_nothing_acknowledged_is_lost_or_done_twice(self):
        findings, told = self.run_kills(KILLS, new_seed())
        print(told, flush=True)
        self.assertEqual(findings[:5], [])

    def find_fault_of(self, program):
        findings, _ = self.run_kills(CONTROL_KILLS, new_seed(), server.BUILD / "tests" / program)
        self.assertNotEqual(findings, [], f"{program} was not told from a safe server")
        print(f"{program}: {len(findings)} findings, the first: {findings[0][:200]}", flush=True)
        return findings

    def test_control_a_reply_before_the_commit(self):
        findings = self.find_fault_of("stated-early-reply")
        for sign in ("was acknowledged and is not there", "not linearizable"):
            self.assertTrue(any(sign in found for found in findings), findings)

    def test_control_a_write_that_is_done_twice(self):
        findings = self.find_fault_of("stated-double-apply")
        self.assertTrue(any("answered anew" in found for found in findings), findings)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
    unittest.main()
