"""P1 to P7 and P10: in each round every peer does the same work, one after the other."""

import pathlib
import statistics
import subprocess
import tempfile

import peers
from table import Target

SPREAD = ["--connections", 8, "--in-flight", 8]
ONE = ["--connections", 1, "--in-flight", 1]
SIXTY_FOUR = ["--connections", 64]
PIPELINED = ["--connections", 8, "--batch", 32]
OURS = ["durable", "ephemeral", "bare", "bare_ephemeral"]  # of the build: always there
READS = ["--read-percent", 100]
WRITES = ["--read-percent", 0]


def frame_sizes():
    """Bytes of a Read's request and reply on the wire, as the client and the server encode them."""
    from stated.v1 import rpc_pb2, state_pb2
    key = b"bench/00000001"
    read = state_pb2.ReadRequest(select=[state_pb2.Selector(key=key)])
    call = rpc_pb2.Call(method="stated.v1.StateService/Read", payload=read.SerializeToString(),
                        timeout_ms=5000)
    entry = state_pb2.Entry(key=key, value=bytes(peers.VALUE_BYTES), create_revision=1000,
                            mod_revision=1000, version=1)
    shown = state_pb2.ReadResponse(entries=[entry], count=1, revision=1000)
    order = rpc_pb2.Order(ticket=100000, queued_ahead=30, wait_us=300, hold_us=10)
    reply = rpc_pb2.Reply(payload=shown.SerializeToString(), order=order)
    return (len(rpc_pb2.RequestFrame(calls=[call]).SerializeToString()),
            len(rpc_pb2.ReplyFrame(epoch=2**60, replies=[reply]).SerializeToString()))


class Servers:
    """All of them, running and filled; those that cannot be have a reason in `missing`."""

    def __init__(self, arguments, directory, stack, loads):
        build = arguments.build
        self.directory = directory
        self.missing = {}
        self.running = {}
        for name, make in {
                "durable": lambda at: peers.Stated(at, build),
                "ephemeral": lambda at: peers.Stated(at, build, "--durability", "ephemeral"),
                "redis": peers.Redis, "always": peers.RedisAlways, "etcd": peers.Etcd,
                "memcached": peers.Memcached,
                "bare": lambda at: peers.Bare(at, build, "sync"),
                "bare_ephemeral": lambda at: peers.Bare(at, build, "ephemeral"),
                "grpc": lambda at: peers.Grpc(at, build)}.items():
            if name not in [*arguments.peers, *OURS]:
                self.missing[name] = f"{name} was not asked for"
                continue
            try:
                peer = stack.enter_context(make(directory / name))
                peers.fill(loads, peer, 10000)
                self.running[name] = peer
            except peers.Missing as missing:
                self.missing[name] = str(missing)

    def __getitem__(self, name):
        if name in self.missing:
            raise peers.Missing(self.missing[name])
        return self.running[name]


class Round:
    """Figures of one round; a figure is measured once, when a target first asks for it."""

    def __init__(self, servers, loads, sizes):
        self.servers, self.loads, self.sizes = servers, loads, sizes
        self.known = {}

    def get(self, name, figure="calls_per_s"):
        if name not in self.known:
            self.known[name] = getattr(self, name)()
        return self.known[name][figure]

    def bench(self, server, *arguments):
        return self.loads.bench(self.servers[server], *arguments)

    def wire(self, server, *arguments):
        return self.loads.wire(self.protocol(server), self.servers[server], *arguments)

    @staticmethod
    def protocol(server):
        return "stated" if server in OURS else "memcached" if server == "memcached" else "redis"

    def read_64(self):
        return self.bench("durable", *SPREAD, *READS)

    def echo_64(self):
        return self.loads.echo(self.sizes, 8, 8, self.get("read_64") * self.loads.seconds)

    def read_1(self):
        return self.bench("durable", *ONE, *READS)

    def echo_1(self):
        return self.loads.echo(self.sizes, 1, 1, self.get("read_1") * self.loads.seconds)

    def grpc_64(self):
        return self.loads.grpc(self.servers["grpc"], *SPREAD, *READS)

    def grpc_1(self):
        return self.loads.grpc(self.servers["grpc"], *ONE, *READS)

    def grpc_write_64(self):
        return self.loads.grpc(self.servers["grpc"], *SPREAD, *WRITES)

    def ephemeral_write_64(self):
        return self.bench("ephemeral", *SPREAD, *WRITES)

    def etcd_64(self):
        return self.loads.grpc(self.servers["etcd"], *SPREAD, *READS)

    def wire_read_64(self):
        return self.wire("durable", *SIXTY_FOUR, *READS)

    def redis_64(self):
        return self.wire("redis", *SIXTY_FOUR, *READS)

    def memcached_64(self):
        return self.wire("memcached", *SIXTY_FOUR, *READS)

    def mix_256(self):
        return self.wire("ephemeral", *PIPELINED, "--per-message", 32, "--read-percent", 90)

    def bare_mix_256(self):
        return self.wire("bare_ephemeral", *PIPELINED, "--per-message", 32, "--read-percent", 90)

    def redis_mix_256(self):
        return self.wire("redis", *PIPELINED, "--read-percent", 90)

    def durable_64(self):
        return self.wire("durable", *SIXTY_FOUR, *WRITES)

    def bare_64(self):
        return self.wire("bare", *SIXTY_FOUR, *WRITES)

    def durable_bench_64(self):
        return self.bench("durable", *SPREAD, *WRITES)

    def always_64(self):
        return self.wire("always", *SIXTY_FOUR, *WRITES)

    def etcd_write_64(self):
        return self.loads.grpc(self.servers["etcd"], *SPREAD, *WRITES)

    def durable_256(self):
        return self.wire("durable", *PIPELINED, "--per-message", 32, *WRITES)

    def bare_256(self):
        return self.wire("bare", *PIPELINED, "--per-message", 32, *WRITES)

    def always_256(self):
        return self.wire("always", *PIPELINED, *WRITES)

    def half_64(self):
        return self.wire("durable", *SIXTY_FOUR, "--read-percent", 50)

    def always_half_64(self):
        return self.wire("always", *SIXTY_FOUR, "--read-percent", 50)

    def etcd_half_64(self):
        return self.loads.grpc(self.servers["etcd"], *SPREAD, "--read-percent", 50)

    def quiet(self, server):
        """Reads at a fixed rate, far below what either could do; long enough for a p99."""
        return self.loads.wire(self.protocol(server), self.servers[server], "--connections", 4,
                               "--rate", 500, "--committed", *READS,
                               seconds=2 * self.loads.seconds)

    def beside_writers(self, server):
        """The same while 64 writes in flight, over 8 connections, keep the disk busy."""
        command = self.loads.wire_command(self.protocol(server), self.servers[server],
                                          "--connections", 8, "--batch", 8, "--per-message", 8,
                                          *WRITES, seconds=2 * self.loads.seconds + 0.5)
        with subprocess.Popen([str(word) for word in command],
                              stdout=subprocess.DEVNULL) as writers:
            try:
                return self.quiet(server)
            finally:
                writers.wait()

    def quiet_reads(self):
        return self.quiet("durable")

    def reads_beside_writers(self):
        return self.beside_writers("durable")

    def bare_quiet_reads(self):
        return self.quiet("bare")

    def bare_reads_beside_writers(self):
        return self.beside_writers("bare")

    def always_quiet_reads(self):
        return self.quiet("always")

    def always_reads_beside_writers(self):
        return self.beside_writers("always")

    def alone(self, mode, read_percent, per_commit):
        """LMDB without anything around it, so many calls to a commit."""
        with tempfile.TemporaryDirectory(dir=self.servers.directory) as directory:
            return peers.run_json(self.loads.build / "tests" / "lmdb_alone", directory, mode,
                                  10000, read_percent, per_commit, self.loads.seconds)

    def alone_mix_256(self):
        return self.alone("ephemeral", 90, 256)

    def alone_64(self):
        return self.alone("sync", 0, 64)

    def alone_256(self):
        return self.alone("sync", 0, 256)

    def library_mix_256(self):
        return self.bench("ephemeral", "--connections", 8, "--in-flight", 32, "--read-percent", 90,
                          "--coalesce", "on")

    def gate(self):
        """bench_gate's own table; in nanoseconds."""
        program = pathlib.Path(self.loads.build) / "tests" / "bench_gate"
        row = next(line for line in peers.output(program, 100000).splitlines()
                   if line.startswith("gate:"))
        one, two = map(float, row.split()[-2:])
        return {"one": one, "two": two, "limit_one": 150.0, "limit_two": 400.0}


# What the libraries can do at best, in the place of ours; beside the target that they bound.
LMDB_LIMIT = "  the limit: LMDB alone, no wire"
LIMIT = "  the limit: NNG, protobuf-c, LMDB alone"
ALONE = "NNG, protobuf-c, LMDB alone"

# number, work, against, bound, at least, ours, theirs, figure (or figures), unit
LINES = [
    ("P1", "Read, 64 in flight, a frame each", "NNG alone", 0.90, True, "read_64", "echo_64"),
    ("P1", "  the same", "gRPC C++", None, True, "read_64", "grpc_64"),
    ("P1", "  the same", "etcd, linearizable", None, True, "read_64", "etcd_64"),
    ("P1", "  the same over plain sockets", "Redis", None, True, "wire_read_64", "redis_64"),
    ("P1", "  the same over plain sockets", "memcached", None, True, "wire_read_64",
     "memcached_64"),
    ("P1", "Write, 64 in flight, ephemeral", "gRPC C++", None, True, "ephemeral_write_64",
     "grpc_write_64"),
    ("P2", "Read, 1 in flight, p50", "NNG alone", 1.10, False, "read_1", "echo_1", "p50_us", "us"),
    ("P2", "  the same", "gRPC C++", None, False, "read_1", "grpc_1", "p50_us", "us"),
    ("P3", "90% Read, 256 in flight, 32 a frame", "Redis, pipelined 8x32", 1.0, True, "mix_256",
     "redis_mix_256"),
    ("P3", LMDB_LIMIT, "Redis, pipelined 8x32", None, True, "alone_mix_256", "redis_mix_256"),
    ("P3", LIMIT, "Redis, pipelined 8x32", None, True, "bare_mix_256", "redis_mix_256"),
    ("P3", "  the same", ALONE, None, True, "mix_256", "bare_mix_256"),
    ("P3", "  the same through the client library", "Redis, pipelined 8x32", None, True,
     "library_mix_256", "redis_mix_256"),
    ("P4", "durable Write, 64 in flight, a frame each", "Redis appendfsync always", 1.3, True,
     "durable_64", "always_64"),
    ("P4", LMDB_LIMIT, "Redis appendfsync always", None, True, "alone_64", "always_64"),
    ("P4", LIMIT, "Redis appendfsync always", None, True, "bare_64", "always_64"),
    ("P4", "  the same", ALONE, None, True, "durable_64", "bare_64"),
    ("P4", "  the same through the client library", "etcd put", 2.5, True, "durable_bench_64",
     "etcd_write_64"),
    ("P4", LMDB_LIMIT, "etcd put", None, True, "alone_64", "etcd_write_64"),
    ("P4", LIMIT, "etcd put", None, True, "bare_64", "etcd_write_64"),
    ("P5", "durable Write, 256 in flight, 32 a frame", "Redis always, pipelined", 1.0, True,
     "durable_256", "always_256"),
    ("P5", LMDB_LIMIT, "Redis always, pipelined", None, True, "alone_256", "always_256"),
    ("P5", LIMIT, "Redis always, pipelined", None, True, "bare_256", "always_256"),
    ("P5", "  the same", ALONE, None, True, "durable_256", "bare_256"),
    ("P6", "durable 50% Read, 64 in flight", "P4, writes alone", 1.0, True, "half_64",
     "durable_64"),
    ("P6", "  the same", "Redis appendfsync always", None, True, "half_64", "always_half_64"),
    ("P6", "  the same", "etcd", None, True, "half_64", "etcd_half_64"),
    ("P7", "COMMITTED Read beside 64 writes, p99", "the same without writers", 2.0, False,
     "reads_beside_writers", "quiet_reads", "p99_us", "us"),
    ("P7", LIMIT, "the same without writers", None, False, "bare_reads_beside_writers",
     "bare_quiet_reads", "p99_us", "us"),
    ("P7", "  the same", "Redis appendfsync always", None, False, "reads_beside_writers",
     "always_reads_beside_writers", "p99_us", "us"),
    ("P10", "gate alone: submit and finish", "150 ns", 1.0, False, "gate", "gate",
     ("one", "limit_one"), "ns"),
    ("P10", "  from 2 threads", "400 ns", 1.0, False, "gate", "gate", ("two", "limit_two"), "ns"),
]


def add_figures(one, target, line):
    ours, theirs = line[5], line[6]
    figures = line[7] if len(line) > 7 else "calls_per_s"
    figures = figures if isinstance(figures, tuple) else (figures, figures)
    try:
        target.add(one.get(ours, figures[0]), one.get(theirs, figures[1]))
    except peers.Missing as missing:
        target.missing = str(missing)


def measure(arguments, directory, stack):
    """All rounds; prints the ratios of each as it goes."""
    lines = [line for line in LINES if not arguments.only or line[0] in arguments.only]
    targets = [Target(*line[:5], unit=line[8] if len(line) > 8 else "calls/s") for line in lines]
    for target, line in zip(targets, lines):
        target.limits = [limit for limit in targets if limit.work in (LIMIT, LMDB_LIMIT)
                         and (limit.number, limit.peer) == (target.number, target.peer)
                         and line[3] is not None]
    if not lines:
        return targets
    loads = peers.Loads(arguments.build, arguments.seconds)
    servers = Servers(arguments, directory, stack, loads)
    for number, reason in servers.missing.items():
        print(f"missing: {number}: {reason}", flush=True)
    sizes = frame_sizes()
    for number in range(arguments.rounds):
        one = Round(servers, loads, sizes)
        for target, line in zip(targets, lines):
            add_figures(one, target, line)
        shown = [f"{target.number} {target.ratios()[-1]:.2f}" for target in targets
                 if target.bound is not None and target.ours]
        print(f"round {number + 1} of {arguments.rounds}: {', '.join(shown)}", flush=True)
    for target in targets:
        if target.ours and target.bound is not None:
            print(f"  {target.number} against {target.peer}: median "
                  f"{statistics.median(target.ratios()):.2f}, {target.verdict()}", flush=True)
    return targets
