"""Does the interactive mode edit, complete, remember and go on, whatever happens, on a real terminal?"""

import os
import pathlib
import re
import signal
import subprocess
import unittest

import server
import sp
import statectl
import tmux

PROMPT = r"^statectl> *$"


class Terminal(server.ServedTestCase):
    """The shell on a terminal of its own, against a server with some keys."""

    def setUp(self):
        with self.server.client() as client:
            client.write(sp.delete(sp.prefix(b"")))
            for key in (b"color", b"session/one", b"session/with blank"):
                client.put(key, b"of " + key)

    def open(self, *arguments, endpoint=None, **options):
        screen = tmux.Tmux(statectl.STATECTL, "-e", endpoint or self.server.ipc, *arguments, **options)
        screen.__enter__()
        self.addCleanup(screen.__exit__, None, None, None)
        screen.wait_for(r"Tab completes")
        return screen

    def held(self, key):
        with self.server.client() as client:
            return client.get(key)

    def test_commands_run_one_after_the_other(self):
        screen = self.open()
        screen.type("put greeting 'hello  world'\n")
        screen.wait_for(r"^revision \d+\n" + PROMPT)
        self.assertEqual(b"hello  world", self.held(b"greeting"))
        screen.type("get greeting\n")
        screen.wait_for(r"^hello  world\n" + PROMPT)
        screen.type('put n "a\\n\\x41\\\\" # a comment\n')
        screen.wait_for(r"comment *put KEY.*\nrevision \d+\n" + PROMPT)
        self.assertEqual(b"a\nA\\", self.held(b"n"))
        screen.type("help poison\n")
        screen.wait_for(r"^Usage: statectl poison")
        screen.type("exit\n")
        self.assertEqual(0, screen.wait_for_end())

    def test_completion(self):
        screen = self.open()
        for typed, shown in (("verif\t", "verify-order "), ("get col\t", "get color "),
                             ("get sess\t", "get session/"), ("get session/w\t",
                                                              'get "session/with blank" '),
                             ("put --if-a\t", "put --if-absent "), ("-o jsonl\t", "-o jsonl "),
                             ("rpc call Clear\t", "rpc call ClearPoison ")):
            screen.type(typed)
            screen.wait_for(rf"^statectl> {re.escape(shown.rstrip())}( |$)")
            screen.press("C-u")
        screen.type("get session/\t")
        screen.wait_for(r"^session/one +session/with blank$")
        screen.press("C-u")
        screen.type("put color \t")
        screen.wait_for(r"^put KEY \[VALUE\|-\]$")

    def test_what_is_not_shown_is_missed(self):
        screen = self.open()
        with self.assertRaisesRegex(AssertionError, "'frobnicate' in\nipc://"):
            screen.wait_for("frobnicate", limit_s=0.1)

    def test_hints_and_colours(self):
        screen = self.open()
        screen.type("put ")
        screen.wait_for(r"^statectl> put +put KEY \[VALUE\|-\]$")
        screen.wait_for("\x1b\\[2mput KEY", colours=True)
        screen.type("a b\n")
        screen.wait_for(r"^revision \d+$", colours=True)
        screen.wait_for("\x1b\\[(0;)?1m.*statectl>", colours=True)
        screen.type("get none\n")
        screen.wait_for("\x1b\\[31mstatectl:.* no such key: none", colours=True)
        for variables in ({"NO_COLOR": "1"}, {"STATECTL_COLOR": "never"}):
            plain = self.open(**variables)
            plain.type("get none\n")
            plain.wait_for("no such key")
            self.assertNotIn("\x1b[", plain.shown(colours=True))

    def test_history(self):
        screen = self.open()
        screen.type("get color\n")
        screen.wait_for(r"^of color\n" + PROMPT)
        screen.type(" get session/one\n")
        screen.wait_for(r"^of session/one\n" + PROMPT)
        screen.press("Up")
        screen.wait_for(r"^statectl> get color +get KEY\.\.\.$")
        screen.type("\n")
        screen.wait_for(r"(?s)^of color$.*^of color\n" + PROMPT)
        path = screen.folder / "state" / "statectl" / "history"
        self.assertEqual("get color\n", path.read_text(encoding="utf-8"))
        path.write_text("get session/one\n", encoding="utf-8")
        again = tmux.Tmux(statectl.STATECTL, "-e", self.server.ipc)
        again.environment["XDG_STATE_HOME"] = str(screen.folder / "state")
        with again:
            again.wait_for("Tab completes")
            again.press("C-r")
            again.type("sess")
            again.wait_for(r"get session/one")

    def test_interrupt(self):
        screen = self.open()
        screen.type("put color wrong")
        screen.wait_for("^statectl> put color wrong ")  # Ctrl-C drops what was not read yet
        screen.press("C-c")
        screen.wait_for(r"\^C.*\n" + PROMPT)
        screen.type("queue --watch\n")
        screen.wait_for("until Ctrl-C")
        screen.press("C-c")
        screen.wait_for(r"\^C.*\n" + PROMPT)
        self.assertNotRegex(screen.shown(), r"statectl> \^C")
        screen.type("get color\n")
        screen.wait_for(r"^of color$")
        screen.press("C-d")
        self.assertEqual(0, screen.wait_for_end())

    def test_a_server_that_goes_and_comes(self):
        with server.Server() as running:
            screen = self.open("--timeout", "200", endpoint=running.ipc)
            screen.type("put color red\n")
            screen.wait_for(r"^revision 1$")
            screen.type("get col\t")
            screen.wait_for("^statectl> get color ")
            screen.press("C-u")
            running.kill()
            screen.type("get color\n")
            screen.wait_for(r"^statectl: no server[\s\S]*\n" + PROMPT)
            screen.type("get col\t")
            screen.wait_for(r"^get KEY\.\.\.$")
            screen.press("C-u")
            running.start()
            screen.type("get color\n")
            screen.wait_for(r"^red\n" + PROMPT)

    def test_mistakes(self):
        screen = self.open()
        for line, says in (("gett color", "did you mean 'get'"), ("get 'color", "a quote is not closed"),
                           ('get "\\0"', "an argument cannot have a NUL"), ("shell", "already")):
            screen.type(f"{line}\n")
            screen.wait_for(rf"^statectl: .*{says}.*\n(.*\n)?" + PROMPT)

    def test_signals_give_the_terminal_back(self):
        screen = self.open()
        screen.wait_for(PROMPT)
        pid = int(screen.run("display-message", "-p", "#{pane_pid}"))
        tty = screen.run("display-message", "-p", "#{pane_tty}").strip()
        self.assertNotIn(" icanon", self.settings(tty))
        os.kill(pid, signal.SIGTERM)
        self.assertEqual(128 + signal.SIGTERM, screen.wait_for_end())

    def settings(self, tty):
        return subprocess.run(["stty", "-a", "-F", tty], check=True, capture_output=True,
                                       text=True, timeout=statectl.LIMIT_S).stdout

    def test_progress_bar(self):
        path = pathlib.Path(self.server.directory) / "lines"
        os.mkfifo(path)
        screen = self.open()
        screen.type(f"import {path}\n")
        with open(path, "wb") as lines:
            lines.write(b"".join(b'{"key":"k/%d","value":""}\n' % i for i in range(1000)))
            lines.flush()
            screen.wait_for(r"^[\d,]+ keys, [\d,]+ keys/s$")  # no bar: the end is not known
        screen.wait_for(r"^statectl> import .*\nimported 1,000 keys in ")

    def test_live_views(self):
        for command, word in (("queue --watch", "0 waiting"), ("status --watch", "lmdb, sync")):
            screen = self.open()
            screen.type(f"{command} --interval 50\n")
            screen.wait_for(word)
            screen.type("q")
            screen.press("C-c")
            screen.wait_for(PROMPT)


class Elsewhere(server.ServedTestCase):
    """Without a terminal."""

    def run_it(self, text, *arguments):
        return statectl.run("-e", self.server.ipc, *arguments, "shell", stdin=text)

    def test_lines_of_standard_input_are_run(self):
        done = self.run_it(b"put a 'x y'\n\n# nothing\nget a\nput b -\nls --keys\nexit\nget none\n",
                           "-o", "raw")
        self.assertEqual((0, ""), (done.status, done.said))
        self.assertRegex(done.out, rb"\A\d+\nx y\d+\na\nb\n")
        done = self.run_it(b"get none\nget 'open\n", "-o", "raw")
        self.assertEqual((2, "statectl: no such key: none\nstatectl: a quote is not closed\n"),
                         (done.status, done.said))

    def test_options_are_handed_on(self):
        done = self.run_it(b"get none\n", "-o", "json")
        self.assertEqual((1, '{"error":{"message":"no such key: none","exit":1}}\n'), (done.status, done.said))
        done = self.run_it(b"put /w== 1\nls -o json\n", "--base64")
        self.assertIn(b'"key_base64":"/w=="', done.out)
        done = statectl.run("-e", "ipc:///none", "shell", stdin=b"health\n")
        self.assertEqual(78, done.status)


if __name__ == "__main__":
    tmux.require("tmux", "stty")
    unittest.main()
