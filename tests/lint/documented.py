"""Does every header open with a sentence, and is every prototype in it documented?

A prototype is documented by a comment right above it, or by standing in a block, without an empty
line between, whose first one is. The compiler's own parser finds them.
"""

import clang.cindex
import headers
import lint

clang.cindex.Config.set_library_file("libclang-14.so.1")


def undocumented(path):
    unit = clang.cindex.Index.create().parse(
        str(path), ["-x", "c", "-std=gnu11", "-D_GNU_SOURCE", "-fparse-all-comments"]
        + headers.INCLUDES)
    found = [f"{lint.relative(path)}: {problem.spelling}" for problem in unit.diagnostics
             if problem.severity >= clang.cindex.Diagnostic.Error]
    documented_to = None
    for cursor in unit.cursor.get_children():
        if (cursor.kind != clang.cindex.CursorKind.FUNCTION_DECL or cursor.is_definition()
                or str(cursor.location.file) != str(path)):
            continue
        start, end = cursor.extent.start.line, cursor.extent.end.line
        if cursor.raw_comment or start - 1 == documented_to:
            documented_to = end
        else:
            found.append(f"{lint.relative(path)}:{start}: {cursor.spelling} is not documented")
    return found


def check(paths):
    found = []
    for path in paths:
        if not path.read_text(encoding="utf-8").startswith("/* "):
            found.append(f"{lint.relative(path)}:1: does not open with what it is for")
        found += undocumented(path)
    return found


if __name__ == "__main__":
    lint.run("documented", check, lint.tree("*.h"),
             [("no_sentence.h", "int f(void);\n"),
              ("no_comment.h", "/* Opens well. */\nstruct s;\n\n/* Said. */\nint f(void);\n\n"
               "int g(void);\n"),
              ("wrong_place.h", "/* Opens well. */\nstruct s;\nint f(void); /* what it does */\n")])
