"""Do the manual pages of the programs say what --help says, all of it, and nothing else?"""

import re
import subprocess
import unittest

import server
import statectl
import tmux

PAGES = server.BUILD / "tools" / "man"
PROGRAMS = {"statectl": PAGES / "statectl.1", "stated": PAGES / "stated.8"}


def run(*command):
    return subprocess.run([str(word) for word in command], check=False, capture_output=True,
                          text=True, timeout=statectl.LIMIT_S, env=statectl.environment())


def shown(page):
    """The page as plain text, on lines too long to be broken."""
    done = run("mandoc", "-T", "utf8", "-O", "width=900", page)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return re.sub(".\b", "", done.stdout)


def help_of(program, *command):
    return run(server.BUILD / "bin" / program, *command, "--help").stdout


def options(text):
    """The options that a text lists, as written there: "-f, --file=FILE"."""
    return set(re.findall(r"^ *((?:-\S, )?--[\w-]+(?:=[\w|]+)?)(?=\s|$)", text, re.MULTILINE))


def words(text):
    return re.sub(r"\s+", " ", text)


def commands():
    return re.findall(r"^  ([a-z-]+) ", help_of("statectl").partition("Commands:")[2]
                      .partition("Examples:")[0], re.MULTILINE)


class Pages(unittest.TestCase):
    def test_they_are_well_formed(self):
        for page in PROGRAMS.values():
            said = [line for line in run("mandoc", "-T", "lint", "-W", "warning", page).stdout
                    .splitlines() if "missing date" not in line]
            self.assertEqual([], said)

    def test_a_page_that_is_not_is_objected_to(self):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"], input=".SH\n.frob\n",
                              check=False, capture_output=True, text=True, timeout=statectl.LIMIT_S)
        self.assertIn("WARNING", done.stdout)

    def test_the_server_has_the_same_options(self):
        self.assertGreater(len(options(help_of("stated"))), 10)
        self.assertEqual(options(help_of("stated")), options(shown(PROGRAMS["stated"])))
        for option in options(help_of("stated")) - {"-?, --help", "--usage", "-V, --version",
                                                    "--config=FILE"}:
            name = option.partition("=")[0].removeprefix("--").upper().replace("-", "_")
            self.assertIn(f"STATED_{name}", shown(PROGRAMS["stated"]))

    def test_statectl_has_the_same_commands_and_options(self):
        page = shown(PROGRAMS["statectl"])
        everything = options(help_of("statectl"))
        self.assertEqual(commands(), re.findall(r"^   ([a-z-]+)$", page.partition("\nCOMMANDS\n")[2]
                                                .partition("\nENVIRONMENT\n")[0], re.MULTILINE))
        for command in commands():
            own = re.search(rf"(?ms)^   {command}$(.*?)(?=^   [a-z-]+$|^[A-Z])", page)[1]
            text = help_of("statectl", command)
            general = options(help_of("statectl"))
            self.assertEqual(options(text) - general, options(own), command)
            everything |= options(text)
            body = text.partition("for any corresponding short options.")[2]
            for sentence in re.split(r"\n\n", body.partition("Examples:")[0]):
                self.assertIn(words(sentence).strip(), words(own), command)
            for example in re.findall(r"^ +.*statectl.*$", body.partition("Examples:")[2], re.MULTILINE):
                self.assertIn(words(example).strip(), words(own), command)
        self.assertEqual(everything, options(page))

    def test_what_is_missing_is_missed(self):
        page = shown(PROGRAMS["stated"]).replace("--workers=N", "workers")
        self.assertNotEqual(options(help_of("stated")), options(page))


if __name__ == "__main__":
    tmux.require("mandoc")
    unittest.main()
