"""The project, installed under a private prefix, and how others build against it."""

import os
import pathlib
import subprocess
import unittest

import server

HERE = pathlib.Path(__file__).parent
SANITIZE = os.environ.get("STATED_SANITIZE")
SANITIZE_FLAGS = [f"-fsanitize={SANITIZE}"] if SANITIZE else []
# protoc-c's initialisers leave braces out.
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-missing-braces"]
C11 = ("gcc", "-std=c11")
CPP17 = ("g++", "-std=c++17")


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], check=False, text=True,
                            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, **options)
    if result.returncode != 0:
        raise AssertionError(f"{command} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result


def install(prefix):
    run("cmake", "--install", server.BUILD, "--prefix", prefix)


class InstalledTestCase(unittest.TestCase):
    """Tests that share one installation."""

    @classmethod
    def setUpClass(cls):
        folder = server.Directory()
        cls.addClassCleanup(folder.__exit__)
        cls.folder = folder.path
        cls.prefix = folder.path / "usr"
        install(cls.prefix)
        cls.libraries = next(cls.prefix.rglob("libstated-client.a")).parent

    def pkg_config(self, *arguments):
        return run("pkg-config", *arguments,
                   env={**os.environ, "PKG_CONFIG_PATH": f"{self.libraries}/pkgconfig"}).stdout.split()

    def build(self, packages, *sources, language=C11, options=(), static=False):
        """Compiles a program as its user would, and returns its path."""
        output = self.folder / f"program-{self.id().rsplit('.', 1)[1]}-{'-'.join(packages)}-{pathlib.Path(sources[0]).stem}"
        how = ["--static"] if static else []
        run(*language, *WARNINGS, *SANITIZE_FLAGS, *options, *sources, "-o", output,
            *self.pkg_config("--cflags", "--libs", *how, *packages))
        return output

    def run_program(self, program, *arguments):
        """Its standard output; the shared library is found under the prefix."""
        return run(program, *arguments,
                   env={**os.environ, "LD_LIBRARY_PATH": str(self.libraries)}).stdout

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path


def needed(program):
    """The shared libraries that a program asks for."""
    lines = run("readelf", "-dW", program).stdout.splitlines()
    return [line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line]
