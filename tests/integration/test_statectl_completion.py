"""Does a real shell complete command lines of statectl: commands, options, values, files, keys?"""

import re
import subprocess
import unittest

import server
import statectl
import tmux

KEYS = [b"color", b"count/a:1", b"count/a:2", b"session/one", b"session/with blank", b"quo'te",
        b"new\nline", "日本".encode()]


class Shell(server.ServedTestCase):
    """One shell per test, which has the completion loaded."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.server.client() as client:
            for key in KEYS:
                client.put(key, b"")

    def open(self, *shell):
        screen = tmux.Tmux(*shell, PATH=f"{statectl.STATECTL.parent}:/usr/bin:/bin",
                           STATECTL_ENDPOINT=self.server.ipc)
        screen.__enter__()
        self.addCleanup(screen.__exit__, None, None, None)
        return screen

    def completed(self, screen, line, expected):
        """Types the line and a tab: the line becomes the expected one, and is thrown away."""
        screen.press("C-u")
        screen.type(f"{line}\t")
        screen.wait_for(rf"\$ {re.escape(expected)} ?$")
        screen.press("C-u")
        screen.press("C-l")

    def offered(self, screen, line, *expected):
        """Types the line and a tab: all of these are offered."""
        screen.press("C-u")
        screen.type(f"{line}\t")
        for word in expected:
            screen.wait_for(rf"^(?!\$ )(.*\s)?{re.escape(word)}(\s|$)")
        screen.press("C-u")
        screen.press("C-l")


class Bash(Shell):
    def shell(self):
        screen = self.open("bash", "--norc", "--noprofile", "-i")
        screen.type("PS1='$ '; source <(statectl completion bash); bind 'set bell-style none'; "
                    "bind 'set show-all-if-ambiguous on'; "
                    "clear; echo rea''dy\n")
        screen.wait_for("^ready$")
        screen.press("C-l")
        return screen

    def test_commands_and_options(self):
        screen = self.shell()
        for line, expected in (
                ("statectl exp", "statectl export"), ("statectl help verif", "statectl help verify-order"),
                ("statectl ls --cou", "statectl ls --count"),
                ("statectl --ti", "statectl --timeout"),
                ("statectl -o jsonl get --com", "statectl -o jsonl get --committed"),
                ("statectl --color al", "statectl --color always"),
                ("statectl poison cl", "statectl poison clear"),
                ("statectl rpc desc", "statectl rpc describe"),
                ("statectl rpc call ClearP", "statectl rpc call ClearPoison"),
                ("statectl completion z", "statectl completion zsh")):
            self.completed(screen, line, expected)
        self.offered(screen, "statectl -o ", "auto", "json", "jsonl", "raw", "table")
        self.offered(screen, "statectl put --if", "--if-absent", "--if-revision")
        self.offered(screen, "statectl ", "get", "put", "txn", "rpc")

    def test_keys(self):
        screen = self.shell()
        for line, expected in (
                ("statectl get col", "statectl get color"),
                ("statectl get color sess", "statectl get color session/"),
                ("statectl get session/w", r"statectl get session/with\ blank"),
                ("statectl get 'session/w", "statectl get 'session/with blank'"),
                ("statectl get count/a:", "statectl get count/a:"),
                ("statectl del --prefix co", "statectl del --prefix co"),
                ("statectl get quo", r"statectl get quo\'te"),
                ("statectl get new", r"statectl get $'new\nline'"),
                ("statectl get 日", "statectl get 日本"),
                ("statectl cas col", "statectl cas color"),
                (f"statectl -e {self.server.tcp} get col",
                 f"statectl -e {self.server.tcp} get color"),
                (f"statectl --endpoint={self.server.tcp} get col",
                 f"statectl --endpoint={self.server.tcp} get color"),
                ("statectl get -- col", "statectl get -- color")):
            self.completed(screen, line, expected)
        self.offered(screen, "statectl get count/a:", "1", "2")
        self.offered(screen, "statectl ls co", "color")

    def test_files(self):
        screen = self.shell()
        screen.type("cd; touch some-file.txt; clear\n")
        self.completed(screen, "statectl put color -f some", "statectl put color -f some-file.txt")
        self.completed(screen, "statectl import some", "statectl import some-file.txt")

    def test_without_a_server_nothing_is_offered_and_nothing_is_said(self):
        screen = self.shell()
        self.completed(screen, "statectl -e ipc:///none get col", "statectl -e ipc:///none get col")


class Zsh(Shell):
    def shell(self):
        screen = self.open("zsh", "-f", "-i")
        screen.type("PROMPT='$ '; unsetopt beep zle_bracketed_paste; autoload -U compinit; compinit -D -u; "
                    "source <(statectl completion zsh); clear; echo rea''dy\n")
        screen.wait_for("^ready$")
        screen.press("C-l")
        return screen

    def test_commands_options_and_keys(self):
        tmux.require("zsh")
        screen = self.shell()
        for line, expected in (
                ("statectl exp", "statectl export"), ("statectl ls --cou", "statectl ls --count"),
                ("statectl -o jsonl get --com", "statectl -o jsonl get --committed"),
                ("statectl poison cl", "statectl poison clear"),
                ("statectl rpc call ClearP", "statectl rpc call ClearPoison"),
                ("statectl get col", "statectl get color"),
                ("statectl get color sess", "statectl get color session/"),
                ("statectl get session/w", r"statectl get session/with\ blank"),
                (f"statectl -e {self.server.tcp} get col",
                 f"statectl -e {self.server.tcp} get color")):
            self.completed(screen, line, expected)


class Scripts(unittest.TestCase):
    def test_they_are_well_formed(self):
        for shell, check in (("bash", ["shellcheck", "-s", "bash", "-"]), ("zsh", ["zsh", "-n"])):
            tmux.require(check[0])
            script = statectl.run("completion", shell)
            self.assertEqual((0, ""), (script.status, script.said))
            done = subprocess.run(check, input=script.out, check=False, capture_output=True,
                                  timeout=statectl.LIMIT_S)
            self.assertEqual((0, b"", b""), (done.returncode, done.stdout, done.stderr))

    def test_mistakes(self):
        done = statectl.run("completion", "fish")
        self.assertEqual((2, "statectl: completion: 'fish' is neither bash nor zsh\n"),
                         (done.status, done.said))


if __name__ == "__main__":
    tmux.require("tmux")
    unittest.main()
