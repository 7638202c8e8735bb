"""Bodies that grow while they are decoded, or take long: linear, or refused clearly.

Growth is counted in what comes of a body, and time as a ratio of two sizes.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from time import process_time

import pytest

from naftiko.document import yaml
from naftiko.document.source import read
from naftiko.errors import DocumentError, NaftikoError, OutputError
from naftiko.formats.budget import MIB, OverBudget, limit_of
from naftiko.formats.decoding import decode, decode_received
from naftiko.http import codec_of


def refused(format: str, body: bytes, content_type: str = "", schema: str = "") -> str:
    """Return the message and the hint with which a body is refused."""
    with pytest.raises(OutputError) as caught:
        decode(format, body, content_type=content_type, schema=schema)
    return f"{caught.value.message}\n{caught.value.hint}"


@pytest.mark.parametrize(
    ("format", "body", "cause"),
    [
        (
            "xml",
            b'<!DOCTYPE a [<!ATTLIST b x CDATA "%s">]><a>%s</a>'
            % (b"y" * 20_000, b"<b/>" * 20_000),
            "defaults of attributes",
        ),
        (
            "xml",
            b"<!DOCTYPE a [<!ATTLIST b %s>]><a>%s</a>"
            % (b" ".join(b'x%d CDATA ""' % i for i in range(3000)), b"<b/>" * 9000),
            "defaults of attributes",
        ),
        ("csv", b"n" * MIB + b",b\n" + b"x,y\n" * 100_000, "names of the columns"),
        ("csv", b"," * 20_000 + b"\n" + b"x\n" * 5000, "names of the columns"),
        ("tsv", b"a\t" * 20_000 + b"b\n" + b"x\n" * 5000, "names of the columns"),
        (
            "html",
            b"<table><tr>" + b"<th>ab" * 5000 + b"<tr><td>x" * 5000,
            "names of the columns",
        ),
        (
            "html",
            b"<table><tr><th>a<tr><td>" * 45 + b"x" * 500_000,
            "tables inside each other",
        ),
        (
            "markdown",
            b"|%s|b|\n|-|-|\n" % (b"a" * 20_000) + b"|x|\n" * 400,
            "names of the columns",
        ),
    ],
)
def test_a_small_body_of_a_large_value_is_refused(
    format: str, body: bytes, cause: str
) -> None:
    """The error names the format, what grows, the limit, and how to raise it."""
    told = refused(format, body)
    assert f"not usable {format}: " in told
    assert cause in told
    assert "characters of its" in told
    assert "raise `max_response_bytes`" in told


@pytest.mark.parametrize(
    ("format", "body", "content_type"),
    [
        ("html", b"<p>" * (2 * MIB), "text/html"),
        ("markdown", b"# a\n" * MIB, "text/markdown"),
        ("yaml", b"- a\n" * (3 * MIB), "application/yaml"),
        ("xml", b"<a>" + b" " * (17 * MIB), "application/xml"),
        ("csv", b"a\n" * (9 * MIB), "text/csv"),
        ("", b"- a\n" * (3 * MIB), "application/yaml"),
    ],
)
def test_a_format_that_costs_more_has_a_smaller_limit(
    format: str, body: bytes, content_type: str
) -> None:
    """It is refused before it is read; a larger `most` raises it, a smaller lowers."""
    with pytest.raises(OverBudget, match="are read as"):
        decode_received(format, body, content_type)
    small = body[: limit_of(format or "yaml", MIB) + 1]
    with pytest.raises(OverBudget):
        decode_received(format, small, content_type, most=MIB)


def test_sparse_rows_and_long_names_of_columns_are_read() -> None:
    """A survey has long questions and short answers; tables leave cells out."""
    names = b",".join(b"question %d: %s" % (i, b"w" * 80) for i in range(60))
    rows = b"\n".join([b",".join([b"%d" % (i % 5)] * 60) for i in range(1000)])
    assert len(decode("csv", names + b"\n" + rows)) == 1000
    short = b",".join(b"c%d" % i for i in range(30)) + b"\n" + b"1,2\n" * 800
    assert decode("csv", short)[799]["c29"] == ""
    xml = b'<!DOCTYPE a [<!ATTLIST b k CDATA "d">]><a><b/><b k="e"/></a>'
    assert decode("xml", xml) == {"b": [{"k": "d"}, {"k": "e"}]}


# --- YAML ---------------------------------------------------------------------------

#: 100,000 characters that aliases repeat: as a text, in a list, as a key.
LONG = "x" * 100_000
ALIASES = {
    "text": f'a: &a "{LONG}"\nb: [{",".join(["*a"] * 200)}]\n',
    "list": f"a: &a [{LONG}]\nb: [{','.join(['*a'] * 200)}]\n",
    "key": f"- &a {LONG}\n" + "- {*a : 1}\n" * 200,
    "nested": f"a: &a {LONG}\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: [*c, *c]\n",
}


@pytest.mark.parametrize("name", list(ALIASES))
def test_aliases_of_long_texts_are_counted_in_characters(name: str) -> None:
    """That holds for a response and for a document."""
    told = refused("yaml", ALIASES[name].encode())
    assert "aliases stand for more than 1," in told
    assert "characters" in told
    with pytest.raises(DocumentError, match="characters"):
        read(ALIASES[name])


def test_aliases_of_short_texts_are_read() -> None:
    text = "base: &base {image: alpine, user: nobody}\n" + "".join(
        f"s{i}: {{in: *base}}\n" for i in range(2000)
    )
    assert decode("yaml", text.encode())["s1999"]["in"]["user"] == "nobody"


@pytest.mark.parametrize("end", ["z: [http://a,b]\n", "z: [a,\n", 'z: "a\n', '"a" b\n'])
def test_what_the_c_parser_refuses_is_read_again_only_if_it_is_short(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """The pure parser takes twenty times as long, to read and to explain."""
    pytest.importorskip("_ruamel_yaml")
    count = 0

    def counted(text: str) -> object:
        nonlocal count
        count += 1
        return iter(())

    monkeypatch.setattr(yaml, "pure_events", counted)
    for size, readings in ((1000, 1), (yaml.MAX_SLOW_VALUE, 0)):
        count = 0
        text = "l:\n" + "  - x: y\n" * (size // 9) + end
        try:
            decode("yaml", text.encode())
        except OutputError as error:
            assert not readings
            assert "not well-formed YAML" in error.message
        assert count == readings


def test_numbers_of_yaml_never_leave_the_error_class() -> None:
    digits = "9" * 2900
    for text in (f"!!float {digits}", f"!!float -{digits}", "!!float 0x" + "f" * 2900):
        assert abs(decode("yaml", text.encode())) == float("inf")
    assert decode("yaml", b"9" * 100_000) == "9" * 100_000


# --- charsets -----------------------------------------------------------------------

NO_CHARSETS = [
    "punycode", "idna", "utf-7", "unicode_escape", "raw_unicode_escape", "rot13",
    "zlib_codec", "zlib", "bz2", "base64", "hex", "uu", "quopri", "undefined", "mbcs",
    "charmap", "x" * 5000, "cp99999", "é", "",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_CHARSETS)
def test_only_charsets_of_texts_are_believed(name: str) -> None:
    """Bytes labelled with another codec are UTF-8."""
    assert not codec_of(name)
    kind = f"text/plain; charset={name}"
    assert decode("text", b"a-\xff", content_type=kind) == "a-�"
    xml = b'<?xml version="1.0" encoding="%s"?><a>-b</a>' % name[:40].encode()
    with contextlib.suppress(OutputError):
        assert decode("xml", xml) == "-b"


@pytest.mark.parametrize(
    "name",
    ["latin1", "windows-1252", "ISO-8859-15", "koi8-r", "gb18030", "Shift_JIS",
     "euc-kr", "big5", "utf-16le", "macintosh", "IBM037", "iso-2022-jp", "us-ascii"],
)  # fmt: skip
def test_charsets_of_texts_are_known(name: str) -> None:
    codec = codec_of(name)
    assert "a".encode(codec).decode(codec) == "a"


def test_unknown_charsets_are_not_kept() -> None:
    """Python keeps every name of a codec that it was asked for."""
    import encodings

    before = len(encodings._cache)  # type: ignore[attr-defined]
    for number in range(100):
        codec_of(f"unknown-{number}")
    assert len(encodings._cache) == before  # type: ignore[attr-defined]


# --- time ---------------------------------------------------------------------------

#: Format and a body of about so many bytes, which some parser reads in quadratic time.
GROWING: dict[str, tuple[str, Callable[[int], bytes]]] = {
    f"{format} {unit!r}": (format, lambda n, unit=unit: unit * (n // len(unit)))
    for format, units in {
        "html": (b"<a ", b'<a b="', b"<!--", b"<![CDATA[", b"<?", b"<!a", b"</a",
                 b"<script>", b"<div>", b"<td>", b"&#9999999999", b"<a b='", b"< ",
                 b"<table></table>", b"<b></i>", b"<a =", b"/<a/"),
        "markdown": (b"a <![CDATA[", b"a <!--", b"a <?", b"[", b"![[", b"*a_", b"a**b",
                     b"[a](", b"> ", b"`a``", b"<a:", b"- a\n", b"[a]: <"),
        "xml": (b"<a>", b"<a ", b"<!--", b"&#", b"<a b='"),
        "json": (b"[", b'{"a":', b"1\n", b'"\\', b"1 ", b"[]", b"\x1e"),
        "csv": (b'"', b'a,"', b"\n", b",\n", b'"\n'),
        "yaml": (b"- ", b"a: ", b"[", b"? ", b"&a ", b"*a ", b"!!omap ", b'"a" ', b"|\n",
                 b"%a\n", b"---\n", b"# \n", b"{a, ", b"'a", b"\xe2\x80\xa8a: "),
    }.items()
    for unit in units
}  # fmt: skip


@pytest.mark.parametrize("name", list(GROWING))
def test_time_of_a_decoder_is_linear(name: str) -> None:
    """Twice the bytes take at most three times as long."""
    format, body = GROWING[name]

    def seconds(size: int) -> float:
        given = body(size)
        least = 9.0
        for _ in range(3):
            began = process_time()
            with contextlib.suppress(OutputError):
                decode(format, given)
            least = min(least, process_time() - began)
        return least

    size = {"markdown": 1000, "yaml": 3000}.get(format, 12_000)
    # A few milliseconds are noise.
    for _ in range(3):
        once, twice = seconds(size), seconds(2 * size)
        if twice <= 3 * once + 0.004:
            return
    assert twice <= 3 * once + 0.004


# --- any input ----------------------------------------------------------------------

SEEDS = {
    "json": [b'{"a": [1, 2.5e3, null, "\\u00e9"]}', b'{"n":1}\n{"n":2}\n', b"1e999"],
    "xml": [b'<?xml version="1.0" encoding="latin1"?><!DOCTYPE a [<!ATTLIST b k CDATA '
            b'"d">]><a x="1">t<b/><!-- c --><![CDATA[d]]>&amp;</a>'],
    "yaml": [b"a: &a [1, 0x1F, .inf, ~]\nb: *a\nc: !!float 12\nd: !!omap [x: 1]\n",
             b'%YAML 1.2\n---\n"k": |\n  t\n? k2\n: {u: "\\ud83d"}\n'],
    "csv": [b'sep=;\na;b\n1;"2\n3"\n', b"a,a,\n1,2,3,4\n"],
    "html": [b"<!doctype html><table><thead><tr><th>a<tbody><tr><td>1&#65;</table>"
             b"<script>x</script><!-- c --><p class='x'>"],
    "markdown": [b"---\na: 1\n---\n# H\n|a|\n|-|\n|1|\n\n* x [l](u) <b> `c`\n"],
}  # fmt: skip
SIGNS = b"<>&#;\"'=[]{}|-:*!?/\\\n\t ,0129aexXuU%~`@.\xff\xc3\xa9\x00\xef\xbb\xbf"


@pytest.mark.parametrize("format", list(SEEDS))
def test_a_mutated_body_gives_a_value_or_an_error_of_ours(format: str) -> None:
    chance = random.Random(10)
    types = ("", "text/plain; charset=utf-16", "text/html; charset=punycode")
    for number in range(60):
        body = bytearray(chance.choice(SEEDS[format]))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(body) + 1)
            piece = bytes(chance.choices(SIGNS, k=chance.randint(1, 4)))
            body[at : at + chance.randint(0, 3)] = piece * chance.choice((1, 1, 1, 200))
        schema = chance.choice(("", "p, table")) if format == "html" else ""
        with contextlib.suppress(NaftikoError):
            decode(format, bytes(body), content_type=types[number % 3], schema=schema)
