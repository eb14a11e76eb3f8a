"""Does the tour of the README do what is printed beside its commands?"""

import os
import pathlib
import re
import subprocess
import unittest

import server

SOURCE = pathlib.Path(os.environ["STATED_SOURCE"])
BUILD = pathlib.Path(os.environ["STATED_BUILD"])
PRINTED = re.compile(r"^(.*?)\s+# (.+)$")


def tour():
    """(command, what is printed beside it or None) of each line."""
    block = re.search(r"^```sh\n(build/bin/stated .*?)^```$", (SOURCE / "README.md").read_text(),
                      re.MULTILINE | re.DOTALL).group(1)
    lines = []
    for line in block.splitlines():
        beside = PRINTED.match(line)
        lines.append(beside.groups() if beside else (line, None))
    return lines


class Readme(unittest.TestCase):
    def run_tour(self, directory, lines):
        """What each command printed, all run by one shell as if pasted."""
        script = []
        for number, (command, _) in enumerate(lines):
            command = command.replace("build/bin", f"{BUILD}/bin").replace("$PWD/", "")
            command = command.replace("/tmp/tour", f"{directory}/tour")
            prints = command.startswith("statectl")
            script.append(f"{command} > {directory}/{number} 2>&1" if prints else command)
        subprocess.run(["bash", "-c", "\n".join(script + ["wait"])], check=True,
                       stdin=subprocess.DEVNULL, timeout=60)
        return [(directory / str(number)).read_text() if (directory / str(number)).exists() else ""
                for number in range(len(lines))]

    def test_the_tour_prints_what_it_says_it_prints(self):
        lines = tour()
        self.assertGreater(sum(printed is not None for _, printed in lines), 5)
        with server.Directory() as directory:
            for (command, printed), said in zip(lines, self.run_tour(directory, lines)):
                if printed is not None:
                    self.assertEqual(said.split("\n")[0], printed, command)

    def test_control_a_wrong_promise_is_noticed(self):
        lines = tour()
        with server.Directory() as directory:
            said = self.run_tour(directory, lines)
        promises = [printed + "!" for _, printed in lines if printed is not None]
        firsts = [text.splitlines()[0] for text in said if text]
        self.assertFalse(set(promises) & set(firsts))


if __name__ == "__main__":
    unittest.main()
