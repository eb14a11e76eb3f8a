"""What must hold when a server has no room: for every reason there is, the same questions."""

import sp
from stated.v1 import admin_pb2, rpc_pb2

VALUE = b"x" * 50000
MOST_KEYS = 2000


def name(number):
    return b"key/%05d" % number


def fill(client):
    """Puts keys until one is refused; how many there are, and the refusal."""
    for number in range(MOST_KEYS):
        try:
            client.put(name(number), VALUE)
        except sp.RpcError as refusal:
            return number, refusal
    raise AssertionError(f"{MOST_KEYS} keys were taken, nothing was full")


def check_serving(case, client):
    health = client.health()
    case.assertEqual(health.state, admin_pb2.HealthResponse.STATE_SERVING, health.reason)


def check_read_only(case, client, reason):
    health = client.health()
    case.assertEqual(health.state, admin_pb2.HealthResponse.STATE_READ_ONLY, health.reason)
    case.assertIn(reason, health.reason)


def check(case, server, reason, make_room):
    """Fills it, sees that all but growing goes on, makes room, sees that all goes on."""
    with server.client() as client:
        check_serving(case, client)
        taken, refusal = fill(client)
        case.assertGreater(taken, 5)
        case.assertEqual(refusal.code, rpc_pb2.CODE_RESOURCE_EXHAUSTED, refusal)
        case.assertIn(reason, refusal.message)
        check_read_only(case, client, reason)
        for number in range(taken):
            case.assertEqual(client.get(name(number)), VALUE)
        # Deletes go on; what they free can be written to again.
        client.write(sp.delete(sp.key(name(0))))
        case.assertIsNone(client.get(name(0)))
        make_room(client)
        # Nobody had to write anything, and nobody started it again.
        check_serving(case, client)
        for number in range(taken, taken + 5):
            client.put(name(number), VALUE)
        check_serving(case, client)
    case.assertFalse(server.process.has_ended())
    case.assertEqual(server.stop(), 0)
    server.start()
    with server.client() as client:
        for number in range(taken, taken + 5):
            case.assertEqual(client.get(name(number)), VALUE)
