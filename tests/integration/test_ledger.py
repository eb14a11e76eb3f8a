"""Does the example, a C struct served by libstated-server, keep its promises under many clients?"""

import importlib
import os
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

import server
import sp
from stated.v1 import rpc_pb2

BUILD = pathlib.Path(os.environ["STATED_BUILD"])
SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
TOTAL_CENTS = 100000
CLIENTS = 8
TRANSFERS = 200


def compile_messages(directory):
    """ledger_pb2, made from the example's .proto as any user of another language would."""
    subprocess.run(["protoc", f"-I{SOURCE}/server/examples", f"-I{SOURCE}/proto",
                    f"--python_out={directory}", "ledger.proto"], check=True)
    sys.path.insert(0, str(directory))
    return importlib.import_module("ledger_pb2")


class Ledger(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = server.Directory()
        cls.addClassCleanup(directory.__exit__)
        cls.pb = compile_messages(directory.path)
        cls.endpoint = f"ipc://{directory.path}/ledger.sock"
        cls.process = server.Process(directory.path, [cls.endpoint], BUILD / "bin" / "ledger")
        cls.addClassCleanup(cls.process.end)
        cls.process.wait_until(lambda: "serving" in cls.process.log(), "it served")

    def balance(self, client, account):
        response, _ = client.call("ledger.v1.Ledger/Balance",
                                  self.pb.BalanceRequest(account=account), self.pb.BalanceResponse)
        return response.cents

    def transfer(self, client, source, to, cents):
        return client.call("ledger.v1.Ledger/Transfer",
                           self.pb.TransferRequest(**{"from": source, "to": to, "cents": cents}),
                           self.pb.TransferResponse)

    def work(self, number, orders, failures):
        try:
            with sp.Client(self.endpoint) as client:
                for _ in range(TRANSFERS):
                    response, order = self.transfer(client, 0, number, 1)
                    orders.append((order.ticket, response.from_cents))
        except (OSError, sp.RpcError) as failure:
            failures.append(failure)

    def test_transfers_take_effect_in_ticket_order_and_no_cent_is_lost(self):
        orders, failures = [], []
        with sp.Client(self.endpoint) as client:
            before = self.balance(client, 0)
            workers = [threading.Thread(target=self.work, args=(number, orders, failures))
                       for number in range(1, CLIENTS)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
            self.assertEqual(failures, [])
            self.assertEqual([cents for _, cents in sorted(orders)],
                             list(range(before - 1, before - 1 - len(orders), -1)))
            self.assertEqual(sum(self.balance(client, i) for i in range(CLIENTS)), TOTAL_CENTS)

    def test_a_transfer_that_cannot_be_moves_nothing(self):
        with sp.Client(self.endpoint) as client:
            before = self.balance(client, 1)
            with self.assertRaises(sp.RpcError) as refused:
                self.transfer(client, 1, 2, TOTAL_CENTS + 1)
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_FAILED_PRECONDITION)
            self.assertIn("account 1 holds", refused.exception.message)
            self.assertEqual(self.balance(client, 1), before)

    def test_an_account_that_does_not_exist_is_named(self):
        with sp.Client(self.endpoint) as client:
            with self.assertRaises(sp.RpcError) as refused:
                self.balance(client, 99)
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_NOT_FOUND)
            self.assertIn("no account 99", refused.exception.message)

    def test_the_key_value_service_is_not_served_unasked(self):
        with sp.Client(self.endpoint) as client:
            with self.assertRaises(sp.RpcError) as refused:
                client.put(b"k", b"v")
            self.assertEqual(refused.exception.code, rpc_pb2.CODE_UNIMPLEMENTED)
            self.assertEqual(client.health().state, 0)

    def test_zz_stops_on_a_signal(self):
        self.process.signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
