"""Does every public function of the client have a manual page that is well formed, leads somewhere
and shows the prototype that the header has?"""

import re
import subprocess
import unittest

import declarations
import installed

BAD_PAGE = """.Dd November 26, 2026
.Dt BAD 3
.Os
.Sh NAME
.Nm bad
.Nd a page that is not well formed
.Sh SYNOPSIS
.Bl -tag
.Sh DESCRIPTION
.Nosuch macro
"""


def documented(pages):
    """The names that man finds a page for."""
    return {page.stem for page in (pages / "man3").glob("*.3")}


def missing(headers, pages):
    functions = declarations.exported(headers) | declarations.inline(headers)
    return sorted(functions - documented(pages))


def lint(page):
    """What mandoc has to say about a page."""
    result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True,
                            text=True, check=False)
    return result.stdout + result.stderr


def source_pages(pages):
    """The pages that are text, not links to others."""
    return [page for page in sorted(pages.rglob("stated[-_]*.[37]")) if not page.is_symlink()]


def dead_references(pages):
    """Other pages of the library that a page names and that are not there."""
    found = []
    for page in source_pages(pages):
        for name, section in re.findall(r"^\.Xr (stated[-_]\S+) ([37])", page.read_text(encoding="ascii"),
                                        re.MULTILINE):
            if not (pages / f"man{section}" / f"{name}.{section}").exists():
                found.append(f"{page.name} names {name}({section})")
    return found


def words(line):
    """A macro's arguments; what is in quotes is one."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]


def prototypes(page):
    """The functions of a page's synopsis as C declares them."""
    found, returns, name, arguments = [], None, None, []
    for line in page.read_text(encoding="ascii").splitlines():
        macro, *rest = words(line) or [""]
        if macro == ".Sh":
            section = rest[0]
        elif macro == ".Ft":
            returns = " ".join(rest)
        elif macro == ".Fn" and section == "SYNOPSIS":
            found.append(f"{returns} {rest[0]}({', '.join(rest[1:])});")
        elif macro == ".Fo":
            name, arguments = rest[0], []
        elif macro == ".Fa" and section == "SYNOPSIS":
            arguments.append(rest[0])
        elif macro == ".Fc":
            found.append(f"{returns} {name}({', '.join(arguments)});")
    return found


class Manual(installed.InstalledTestCase):
    def setUp(self):
        self.pages = self.prefix / "share" / "man"
        self.headers = declarations.public_headers(self.prefix / "include")

    def compile_prototypes(self, lines):
        source = self.write("prototypes.c", "#include <stated/kv.h>\n" + "\n".join(lines) + "\n")
        return subprocess.run(["gcc", "-std=c11", "-fsyntax-only", source,
                               *self.pkg_config("--cflags", "stated-client")],
                              capture_output=True, text=True, check=False)

    def test_every_function_has_a_page(self):
        self.assertEqual(missing(self.headers, self.pages), [])
        self.assertIn("stated_kv_get", documented(self.pages))

    def test_a_function_without_a_page_is_found(self):
        header = self.write("more.h", "STATED_API int stated_more(void);\n"
                            "static inline int stated_less(int n)\n{\n    return n;\n}\n")
        self.assertEqual(missing([*self.headers, header], self.pages), ["stated_less", "stated_more"])

    def test_no_page_is_of_nothing(self):
        functions = declarations.exported(self.headers) | declarations.inline(self.headers)
        self.assertEqual({name for name in documented(self.pages) if name.startswith("stated_")} - functions,
                         set())

    def test_pages_are_well_formed(self):
        pages = sorted(self.pages.rglob("stated[-_]*.[37]"))
        self.assertGreater(len(pages), len(source_pages(self.pages)))
        for page in pages:
            self.assertEqual(lint(page), "", page)

    def test_a_bad_page_is_found(self):
        self.assertIn("ERROR", lint(self.write("bad.3", BAD_PAGE)))
        link = self.folder / "link.3"
        link.symlink_to("nowhere.3")
        self.assertNotEqual(lint(link), "")

    def test_references_lead_somewhere(self):
        self.assertEqual(dead_references(self.pages), [])

    def test_a_dead_reference_is_found(self):
        folder = self.folder / "dead" / "man3"
        folder.mkdir(parents=True)
        self.write("dead/man3/stated_a.3", ".Xr stated_b 3 ,\n.Xr stated_a 3\n")
        self.assertEqual(dead_references(self.folder / "dead"), ["stated_a.3 names stated_b(3)"])

    def test_the_prototypes_are_those_of_the_headers(self):
        shown = [line for page in source_pages(self.pages) for line in prototypes(page)]
        names = {re.search(r"(\w+)\(", line)[1] for line in shown}
        functions = declarations.exported(self.headers) | declarations.inline(self.headers)
        self.assertEqual(functions - names, set())
        result = self.compile_prototypes(shown)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_wrong_prototype_is_found(self):
        result = self.compile_prototypes(["void stated_kv_entry_free(const struct stated_kv_entry *entry);"])
        self.assertIn("conflicting types", result.stderr)


if __name__ == "__main__":
    unittest.main()
