"""Do calls that share frames take effect in the order of issue, with the results they have apart?"""

import subprocess
import unittest

import server


def run(*arguments):
    """The status, and the digest of all results, at a fresh server."""
    with server.Server("--durability", "ephemeral") as running:
        done = subprocess.run([str(server.BUILD / "tests" / "client_order"), running.ipc,
                               *arguments], stdout=subprocess.PIPE, text=True, timeout=120,
                              check=False)
    return done.returncode, done.stdout


class Order(unittest.TestCase):
    def test_the_same_together_and_apart(self):
        together, apart = run("share"), run("apart")
        self.assertEqual(together[0], 0)
        self.assertEqual(together, apart)

    def test_control_another_order_has_other_results(self):
        swapped = run("share", "swap")
        self.assertEqual(swapped[0], 1)
        self.assertNotEqual(swapped[1], run("share")[1])


if __name__ == "__main__":
    unittest.main()
