"""What is compared, each started in a private directory, on loopback, on a port of its own."""

import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import time

import server

LIMIT_S = 300
VALUE_BYTES = 100


class Missing(Exception):
    """A peer that is not installed; says which package has it."""


def find(program, package):
    """The path of an installed program."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{program} is not there (Debian package {package})")
    return found


def output(*command, status=(0,)):
    done = subprocess.run([str(word) for word in command], check=False, capture_output=True,
                          text=True, timeout=LIMIT_S)
    if done.returncode not in status:
        raise RuntimeError(f"{' '.join(map(str, command))}\nended with {done.returncode}: "
                           f"{done.stderr}{done.stdout}")
    return done.stdout


def run_json(*command):
    return json.loads(output(*command))


class Peer:
    """A server process. Subclasses say how it starts; `name` is what the table calls it."""

    name = ""
    package = ""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = None
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self):
        self.port = server.free_port()
        command = [str(word) for word in self.command()]
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.directory,
                                            env=server.clean_environment())

    def answers(self):
        """Whether it accepts a connection; overridden where that is not enough."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def await_answer(self, within_s=60):
        """Waits for the first answer; how long that took since it was called."""
        began = time.monotonic()
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > began + within_s:
                log = (self.directory / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} did not start:\n{log}")
            time.sleep(0.0005)
        return time.monotonic() - began

    def __enter__(self):
        self.start()
        try:
            self.await_answer()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()

    def stop(self):
        """Asks it to end, and waits."""
        self.process.terminate()
        self.process.wait(60)

    def end(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def status(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise RuntimeError(f"{self.name}: no {field}")

    def resident_bytes(self):
        return self.status("VmRSS") * 1024

    def cpu_s(self):
        """Processor time of all its threads so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Stated(Peer):
    name = "stated"

    def __init__(self, directory, build, *arguments):
        super().__init__(directory)
        self.build = build
        self.arguments = arguments

    def command(self):
        return [self.build / "bin" / "stated", "--listen", self.url(), "--data-dir",
                self.directory / "data", *self.arguments]

    def url(self):
        return f"tcp://127.0.0.1:{self.port}"

    def client(self, timeout_s=20):
        import sp
        return sp.Client(self.url(), timeout_s)

    def answers(self):
        import sp
        try:
            with self.client(2) as client:
                client.get(b"bench/00000000")
        except (OSError, sp.RpcError):
            return False
        return True


class Redis(Peer):
    name = "Redis"
    package = "redis-server"
    durable = False

    def command(self):
        fsync = ["--appendfsync", "always", "--appendonly", "yes"]
        return [find("redis-server", self.package), "--bind", "127.0.0.1", "--port", self.port,
                "--dir", self.directory, "--save", "", "--auto-aof-rewrite-percentage", "0",
                "--maxclients", "4096",
                *(fsync if self.durable else ["--appendonly", "no"])]

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.sendall(b"GET bench/00000000\r\n")
                return connection.recv(64)[:1] == b"$"
        except OSError:
            return False


class RedisAlways(Redis):
    name = "Redis appendfsync always"
    durable = True


class Etcd(Peer):
    name = "etcd"
    package = "etcd-server"
    extra = ()

    def command(self):
        url, peer = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{server.free_port()}"
        return [find("etcd", self.package), "--data-dir", self.directory / "etcd",
                "--listen-client-urls", url, "--advertise-client-urls", url,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", f"default={peer}", "--log-level", "error",
                "--quota-backend-bytes", str(4 << 30), *self.extra]

    def answers(self):
        import http.client
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/v3/kv/range", b'{"key":"YmVuY2gvMDAwMDAwMDA="}')
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Memcached(Peer):
    name = "memcached"
    package = "memcached"

    def command(self):
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return [find("memcached", self.package), "-l", "127.0.0.1", "-p", self.port, "-U", "0",
                "-t", str(os.cpu_count()), "-m", "512", *user]


class Built(Peer):
    """One of the yardsticks that the build makes: chooses its port, and prints it when it serves."""

    program = ""

    def __init__(self, directory, build, *arguments):
        super().__init__(directory)
        self.build = build
        self.arguments = arguments

    def command(self):
        return [find(str(self.build / "tests" / self.program), self.package), *self.arguments]

    def answers(self):
        text = (self.directory / "log").read_text()
        self.port = int(text) if text.endswith("\n") else self.port
        return text.endswith("\n") and super().answers()


class Grpc(Built):
    name = "gRPC"
    package = "libgrpc++-dev and protobuf-compiler-grpc"
    program = "grpc_server"


class Bare(Built):
    """NNG, protobuf-c and LMDB without stated, over the same wire; mode: sync or ephemeral."""

    name = "the libraries alone"
    package = "the project's own build"
    program = "bare_server"

    def __init__(self, directory, build, mode):
        super().__init__(directory, build, directory, mode)


class Loads:
    """The load generators, as JSON."""

    def __init__(self, build, seconds):
        self.build = build
        self.seconds = seconds

    def wire(self, protocol, peer, *arguments, keys=10000, seconds=None):
        """Prepared bytes over plain sockets: the same client for stated, Redis and memcached."""
        return run_json(*self.wire_command(protocol, peer, *arguments, keys=keys, seconds=seconds))

    def wire_command(self, protocol, peer, *arguments, keys=10000, seconds=None):
        return [self.build / "tests" / "wire_load", "--protocol", protocol, "--port", peer.port,
                "--keys", keys, "--value-size", VALUE_BYTES,
                "--duration", seconds or self.seconds, *arguments]

    def grpc(self, peer, *arguments, keys=10000):
        """gRPC's own client, for the gRPC server and for etcd."""
        etcd = ["--etcd"] if isinstance(peer, Etcd) else []
        return run_json(self.build / "tests" / "grpc_load", "--port", peer.port, *etcd, "--keys",
                        keys, "--value-size", VALUE_BYTES, "--duration", self.seconds, *arguments)

    def bench(self, peer, *arguments, keys=10000):
        """stated's client library, a frame for each call."""
        return run_json(self.build / "bin" / "stated-bench", "-e", peer.url(), "--keys", keys,
                        "--value-size", VALUE_BYTES, "--duration", self.seconds, "--no-check",
                        "--coalesce", "off", "--number-writes", "off", "-o", "json", *arguments)

    def echo(self, sizes, connections, in_flight, calls):
        """NNG alone."""
        return run_json(self.build / "tests" / "nng_echo", "--connections", connections,
                        "--in-flight", in_flight, "--calls", max(1000, int(calls)),
                        "--request-bytes", sizes[0], "--reply-bytes", sizes[1])


def fill(loads, peer, keys):
    """Writes every key once."""
    if isinstance(peer, (Etcd, Grpc)):
        loads.grpc(peer, "--fill", "--connections", 2, "--in-flight", 16, keys=keys)
    else:
        protocol = {Stated: "stated", Bare: "stated", Memcached: "memcached"}.get(type(peer), "redis")
        loads.wire(protocol, peer, "--fill", "--connections", 4, "--batch", 256, "--per-message",
                   256, keys=keys)


def version_of(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], check=False,
                          capture_output=True, text=True)
    return done.stdout or "not from Debian"


def raise_descriptor_limit():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
