"""What the client's public headers declare, read from the headers."""

import re

HEADERS = ("client.h", "kv.h", "status.h")
PROTOTYPE = re.compile(r"\b(stated_[a-z0-9_]+)\(", re.ASCII)
DATA = re.compile(r'^extern\s[^;({"]*\b(stated_[a-z0-9_]+)(?:\[\w*\])?;', re.ASCII | re.MULTILINE)
INLINE = re.compile(r"^static inline [^(]*\b(stated_[a-z0-9_]+)\(.*?^}", re.ASCII | re.MULTILINE | re.DOTALL)


def without_comments(header):
    text = re.sub(r"/\*.*?\*/", "", header.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^#.*?(?<!\\)$", "", text, flags=re.DOTALL | re.MULTILINE)


def public_headers(includes):
    return [includes / "stated" / name for name in HEADERS]


def inline(headers):
    """Functions that are in a header and nowhere else."""
    return {name for header in headers for name in INLINE.findall(without_comments(header))}


def exported(headers):
    """Functions and data that the library has."""
    names = set()
    for header in headers:
        text = INLINE.sub("", without_comments(header))
        names.update(PROTOTYPE.findall(text) + DATA.findall(text))
    return names
