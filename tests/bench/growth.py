"""P8, P9 and P11: memory, start with a large state, and what more keys or connections cost."""

import contextlib
import http.client
import json
import statistics
import time

import peers
import plot
from rounds import LIMIT
from table import Target

MEGABYTE = 1e6
CONNECTIONS = 1000
WATCHES_A_CONNECTION = 10
START_KEYS = {True: 20000, False: 1000000}
KEYS = {True: [1000, 10000], False: [1000, 10000, 100000, 1000000]}
LANES = [64, 250, 500, 1000]
TURNS = [1, 10, 100, 1000]
ACTIVE = 64


def wanted(arguments, number):
    return not arguments.only or number in arguments.only


# P8

def memory_of_connections(peer, count):
    """Resident bytes with so many connections, each of which has read once."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(peer.client()).get(b"bench/00000001")
        return peer.resident_bytes()


def memory_of_watches(peer, count):
    """What one parked watch takes: the growth, by how many there are."""
    import sp
    from stated.v1 import rpc_pb2, state_pb2
    watch = state_pb2.WatchRequest(select=sp.key(b"bench/watched"))
    frame = rpc_pb2.RequestFrame()
    frame.calls.add(method="stated.v1.StateService/Watch", payload=watch.SerializeToString(),
                    timeout_ms=60000)
    body = frame.SerializeToString()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(peer.client())
                   for _ in range(count // WATCHES_A_CONNECTION)]
        for client in clients:
            client.get(b"bench/00000001")
        before = peer.resident_bytes()
        for client in clients:
            for _ in range(WATCHES_A_CONNECTION):
                client.connection.send(body)
            read = client.connection.send(rpc_pb2.RequestFrame(calls=[rpc_pb2.Call(
                method="stated.v1.AdminService/Health")]).SerializeToString())
            request, reply = client.connection.receive()
            if request != read:
                code = rpc_pb2.ReplyFrame.FromString(reply).replies[0].status.code
                raise peers.Missing(f"Watch answers {rpc_pb2.Code.Name(code)}")
        return (peer.resident_bytes() - before) / count


MEMORY_STEPS = [1, 250, 500, CONNECTIONS]


def plot_memory(arguments, directory):
    with peers.Stated(directory / "memory", arguments.build) as peer:
        points = [(count, memory_of_connections(peer, count) / MEGABYTE) for count in MEMORY_STEPS]
    plot.memory(arguments.plots, points)


def measure_memory(arguments, directory):
    idle = Target("P8", "resident memory, idle", "8 MB", 1.0, False, "MB")
    many = Target("P8", f"  with {CONNECTIONS:,} connections", "40 MB", 1.0, False, "MB")
    parked = Target("P8", "  of a parked Watch", "4 KB", 1.0, False, "KB")
    others = [Target("P8", "resident memory, idle", kind.name, None, False, "MB")
              for kind in (peers.Redis, peers.Etcd)]
    with peers.Stated(directory / "memory", arguments.build) as peer:
        idle.add(peer.resident_bytes() / MEGABYTE, 8)
        try:
            parked.add(memory_of_watches(peer, CONNECTIONS) / 1024, 4)
        except peers.Missing as missing:
            parked.missing = str(missing)
    with peers.Stated(directory / "memory", arguments.build) as peer:
        many.add(memory_of_connections(peer, CONNECTIONS) / MEGABYTE, 40)
    for target, kind, name in zip(others, (peers.Redis, peers.Etcd), ("redis", "etcd")):
        try:
            if name not in arguments.peers:
                raise peers.Missing(f"{name} was not asked for")
            with kind(directory / f"memory-{name}") as peer:
                target.add(idle.ours[0], peer.resident_bytes() / MEGABYTE)
        except peers.Missing as missing:
            target.missing = str(missing)
    return [idle, many, parked, *others]


# P9

def answers_range(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("POST", "/v3/kv/range", b'{"key":"YmVuY2gvMDAwMDAwMDA="}')
        return "kvs" in json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def start_ms(peer):
    began = time.monotonic()
    peer.start()
    peer.await_answer()
    return (time.monotonic() - began) * 1e3


def starts_after(peer, end, times):
    """How long it takes to the first answer, after it ended in that way."""
    taken = []
    for _ in range(times):
        end()
        taken.append(start_ms(peer))
    return taken


def fill_stated(directory, build, loads, keys):
    """Filled without waiting for the disk, and stopped: what counts is the start."""
    with peers.Stated(directory, build, "--durability", "relaxed") as peer:
        peers.fill(loads, peer, keys)
        peer.stop()


def measure_start(arguments, directory, loads):
    keys = START_KEYS[arguments.quick]
    times = arguments.rounds
    clean = Target("P9", f"start to first answer, {keys:,} keys", "100 ms", 1.0, False, "ms")
    killed = Target("P9", "  after kill -9", "100 ms", None, False, "ms")
    others = []
    at = directory / "start"
    fill_stated(at, arguments.build, loads, keys)
    with peers.Stated(at, arguments.build) as peer:
        for taken in starts_after(peer, peer.stop, times):
            clean.add(taken, 100)
        for taken in starts_after(peer, peer.end, min(times, 3)):
            killed.add(taken, 100)
    for name, kind in (("always", peers.RedisAlways), ("etcd", peers.Etcd)):
        target = Target("P9", f"  the same, {keys:,} keys", kind.name, None, False, "ms")
        others.append(target)
        try:
            if name not in arguments.peers:
                raise peers.Missing(f"{name} was not asked for")
            peer = kind(directory / f"start-{name}")
            fill_other(peer, loads, keys)
            with peer:
                for taken, ours in zip(starts_after(peer, peer.stop, min(times, 2)), clean.ours):
                    target.add(ours, taken)
        except peers.Missing as missing:
            target.missing = str(missing)
    return [clean, killed, *others]


def fill_other(peer, loads, keys):
    """The same, without waiting for the disk where the peer allows it."""
    if isinstance(peer, peers.Etcd):
        peer.extra = ("--unsafe-no-fsync",)
    with peer:
        peers.fill(loads, peer, keys)
        peer.stop()
    peer.extra = ()


# P11

def cost_us(loads, peer, keys, *arguments):
    """Processor time of the server for a call, and the calls a second."""
    figures = loads.wire("stated", peer, "--read-percent", 100, "--pid", peer.process.pid,
                         *arguments, keys=keys)
    return figures["server_cpu_s"] * 1e6 / figures["calls"], figures["calls_per_s"]


def curve_target(work, curve):
    """The largest cost against the smallest; within a fifth of each other is flat."""
    target = Target("P11", work, "the least of the curve", 1.2, False, "us of CPU")
    costs = [statistics.median(cost for cost, _ in points) for points in curve.values()]
    target.add(max(costs), min(costs))
    return target


def bounded(target, curve):
    """With what the libraries alone need on the same curve."""
    limit = curve_target(LIMIT, curve)
    limit.bound = None
    target.limits = [limit]
    return [target, limit]


def print_curve(title, curve):
    print(f"P11 {title}: " + ", ".join(
        f"{at:,}: {statistics.median(cost for cost, _ in points):.1f} us, "
        f"{statistics.median(rate for _, rate in points):,.0f}/s"
        for at, points in curve.items()), flush=True)


def measure_growth(arguments, directory, stack, loads):
    by_keys = {keys: [] for keys in KEYS[arguments.quick]}
    by_lanes = {lanes: [] for lanes in LANES}
    by_turns = {lanes: [] for lanes in TURNS}
    bare_by_keys = {keys: [] for keys in KEYS[arguments.quick]}
    bare_by_lanes = {lanes: [] for lanes in LANES}
    bare_by_turns = {lanes: [] for lanes in TURNS}
    servers, bares = {}, {}
    for keys in by_keys:
        servers[keys] = stack.enter_context(peers.Stated(
            directory / f"keys-{keys}", arguments.build, "--durability", "ephemeral"))
        bares[keys] = stack.enter_context(peers.Bare(
            directory / f"bare-keys-{keys}", arguments.build, "ephemeral"))
        peers.fill(loads, servers[keys], keys)
        peers.fill(loads, bares[keys], keys)
    bare = bares[min(bares)]
    curves = [(servers[min(servers)], by_lanes, ACTIVE), (bare, bare_by_lanes, ACTIVE),
              (servers[min(servers)], by_turns, 1), (bare, bare_by_turns, 1)]
    for _ in range(arguments.rounds):
        for keys, points in by_keys.items():
            points.append(cost_us(loads, servers[keys], keys, "--connections", 8, "--batch", 8))
        for keys, points in bare_by_keys.items():
            points.append(cost_us(loads, bares[keys], keys, "--connections", 8, "--batch", 8))
        for peer, curve, active in curves:
            for lanes, points in curve.items():
                points.append(cost_us(loads, peer, min(servers), "--connections", lanes, "--active",
                                      active))
    print_curve("cost of a Read by keys", by_keys)
    print_curve("cost of a Read by keys, the libraries alone", bare_by_keys)
    print_curve(f"by connections, of which {ACTIVE} ask", by_lanes)
    print_curve("by connections, which ask in turn", by_turns)
    print_curve("by connections, which ask in turn, the libraries alone", bare_by_turns)
    some = bounded(curve_target(f"Read, {ACTIVE} of 64 to 1,000 connections ask", by_lanes),
                   bare_by_lanes)
    turns = bounded(curve_target("Read, 1 to 1,000 connections ask in turn", by_turns),
                    bare_by_turns)
    keys = bounded(curve_target(f"Read, {min(by_keys):,} to {max(by_keys):,} keys", by_keys),
                   bare_by_keys)
    targets = [*keys, *some, *turns]
    return targets, {"keys": by_keys, f"connections, {ACTIVE} at a time": by_lanes,
                     "connections, one at a time": by_turns}


# Load

def plot_load(arguments, directory, loads):
    """Throughput by calls in flight, and latency at rates up to most of what it can do."""
    in_flight = [2 ** power for power in range(9)]
    curves = {"frames shared": [], "a frame each": []}
    with peers.Stated(directory / "load", arguments.build) as peer:
        peers.fill(loads, peer, 10000)
        for count in in_flight:
            for name, coalesce in (("frames shared", "on"), ("a frame each", "off")):
                figures = loads.bench(peer, "--in-flight", count, "--read-percent", 100,
                                      "--coalesce", coalesce)
                curves[name].append((count, figures["calls_per_s"]))
        most = max(rate for _, rate in curves["frames shared"])
        distributions = {}
        for share in (10, 30, 50, 70):
            rate = max(1, int(most * share / 100))
            figures = loads.bench(peer, "--rate", rate, "--read-percent", 100, "--coalesce", "on")
            distributions[f"{rate:,}/s"] = figures["read_distribution"]
    plot.load(arguments.plots, curves)
    plot.latency(arguments.plots, distributions)


def measure(arguments, directory, stack):
    loads = peers.Loads(arguments.build, min(1.0, arguments.seconds))
    targets = []
    if wanted(arguments, "P8"):
        targets += report(measure_memory(arguments, directory))
    if wanted(arguments, "P9"):
        targets += report(measure_start(arguments, directory, loads))
    if wanted(arguments, "P11"):
        measured, curves = measure_growth(arguments, directory, stack, loads)
        targets += report(measured)
        if arguments.plots:
            plot.growth(arguments.plots, curves)
    if arguments.plots:
        plot_memory(arguments, directory)
        plot_load(arguments, directory, loads)
    return targets


def report(targets):
    for target in targets:
        if target.ours:
            print(f"{target.number} {target.work.strip()}: {statistics.median(target.ours):.2f} "
                  f"{target.unit}, against {target.peer}: {target.verdict()}", flush=True)
    return targets
