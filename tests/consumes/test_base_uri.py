"""Base URIs: compiled, overridden, filled with values, and split into their parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import naftiko
from naftiko.consumes.base_uri import (
    BaseUri,
    Origin,
    checked_base_uri,
    checked_uri,
    compile_base_uri,
    fill,
    merged_base_uri,
    override_of,
    quote_path,
    split_origin,
)
from naftiko.expressions import Ref, Scope
from naftiko.hints import SHELL, worded
from naftiko.masking import marker
from support.building import capability

SCOPE = Scope(frozenset({"TOKEN", "region"}))


def filled(
    text: str, *, variables: dict[str, str] | None = None, **arguments: Any
) -> str:
    """Compile a base URI, and fill it with these values."""
    return fill(compile_base_uri(text, SCOPE), (variables or {}).get, arguments)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://h/v1", BaseUri("https://h/v1")),
        ("", BaseUri("")),
        ("https://{{#x}}h", BaseUri("")),
        (
            "https://{host}/v1",
            BaseUri(
                "https://{host}/v1",
                ("https://", Ref("host", False, "{host}"), "/v1"),
                ("host",),
            ),
        ),
        (
            "{{TOKEN}}/{region}/[x]",
            BaseUri(
                "{{TOKEN}}/{region}/[x]",
                (
                    Ref("TOKEN", True, "{{TOKEN}}"),
                    "/",
                    Ref("region", True, "{region}"),
                    "/",
                    Ref("x", False, "[x]"),
                ),
                ("x",),
            ),
        ),
    ],
)
def test_compiled_base_uri(text: str, expected: BaseUri) -> None:
    """Arguments may fill each reference but those to variables of the document."""
    assert compile_base_uri(text, SCOPE) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "http://env"),
        ({}, "http://env"),
        ({"other": "http://other"}, "http://env"),
        ("http://given/", "http://given"),
        ({"my-api.v2": "http://mine/v1/"}, "http://mine/v1"),
    ],
)
def test_override_stands_before_the_environment(
    given: Any, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of the variable is that of the namespace, in capitals and underscores."""
    monkeypatch.setenv("NAFTIKO_BASE_URI_MY_API_V2", "http://env/")
    assert override_of("my-api.v2", given) == expected


def test_empty_override_in_the_environment_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An empty variable is the same as one that is not set."""
    assert override_of("api", None) is None
    monkeypatch.setenv("NAFTIKO_BASE_URI_API", "")
    assert override_of("api", None) is None


def test_malformed_override_names_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The error says which environment variable holds the malformed URI."""
    monkeypatch.setenv("NAFTIKO_BASE_URI_API", "ftp://h")
    with pytest.raises(naftiko.ArgumentError) as caught:
        override_of("api", None)
    assert caught.value.message == "NAFTIKO_BASE_URI_API: 'ftp://h' is not a base URI"
    assert caught.value.hint.startswith("write http://…, https://…")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://h", "http://h"),
        (" HTTPS://h:8443/v1/ ", "HTTPS://h:8443/v1"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("https://{region}.h/{{TENANT}}/${A}", "https://{region}.h/{{TENANT}}/${A}"),
        ("http://h:{port}", "http://h:{port}"),
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("unix:///run/x.sock:/v1/", "unix:///run/x.sock:/v1"),
        ("http+unix://%2Frun%2Fx.sock", "http+unix://%2Frun%2Fx.sock"),
    ],
)
def test_base_uri_of_a_user_is_tidied(uri: str, expected: str) -> None:
    """Blanks and one slash at the end go; a template stays one."""
    assert checked_uri(uri) == expected


def test_base_uri_with_a_password_is_refused_without_it() -> None:
    """No message shows the user, the password or the query of a refused URI."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        checked_uri("https://ann:s3cret@h/v1")
    assert caught.value.message == "a base URI may not hold credentials"
    assert caught.value.hint == "declare `authentication`, or pass `auth`"
    with pytest.raises(naftiko.ArgumentError) as caught:
        checked_uri("ftp://ann:s3cret@h/v1?key=s3cret")
    assert caught.value.message == "'ftp://…@h/v1?…' is not a base URI"


@pytest.mark.parametrize(
    "uri",
    [
        "http://h:99999", "http://h:x", "http://h /x", "http://h?x=1", "http://h#f",
        "http://u:p@h", "http://[::1", "ftp://h", "h", "", "http://", "unix://",
        "http+unix://", 5, Path("/x"), {"api": 5},
    ],
)  # fmt: skip
def test_base_uris_that_are_none(uri: Any) -> None:
    """A malformed base URI is refused when it is given."""
    with pytest.raises(naftiko.ArgumentError, match="base URI"):
        capability(base_uri=uri)


@pytest.mark.parametrize("namespace", ["apo", 5])
def test_base_uri_of_an_unknown_namespace_is_refused(namespace: Any) -> None:
    """Each key of a mapping is a namespace that the document consumes."""
    assert checked_base_uri(None, ["api"]) is None
    assert checked_base_uri({"api": "http://h"}, ["api"]) == {"api": "http://h"}
    with pytest.raises(naftiko.ArgumentError) as caught:
        checked_base_uri({namespace: "http://h"}, ["api"])
    assert caught.value.message == f"base_uri: no namespace is called '{namespace}'"


@pytest.mark.parametrize(
    ("known", "given", "expected"),
    [
        ("http://a", "http://b", "http://b"),
        ("http://a", None, None),
        (None, {"x": "http://b"}, {"x": "http://b"}),
        ("http://a", {"x": "http://b"}, {"x": "http://b", "y": "http://a"}),
        ({"y": "http://a"}, {"x": "http://b"}, {"x": "http://b", "y": "http://a"}),
        ({"x": "http://a"}, {"x": "http://b"}, {"x": "http://b"}),
    ],
)
def test_base_uri_of_a_view_stands_before_the_known_one(
    known: Any, given: Any, expected: Any
) -> None:
    """A mapping leaves the other namespaces where they were."""
    assert merged_base_uri(known, given, ["x", "y"]) == expected


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("https://{h}.test:{p}/{t}/", {"h": "a-b", "p": 81, "t": "x/ ?#"}, "https://a-b.test:81/x%2F%20%3F%23"),
        ("https://{h}/v1", {"h": "[::1]:8080"}, "https://[::1]:8080/v1"),
        ("https://{h}/v1", {"h": "h:8080"}, "https://h:8080/v1"),
        ("{scheme}://h", {"scheme": "http"}, "http://h"),
        ("{origin}/v1", {"origin": "https://h/base/"}, "https://h/base/v1"),
        ("{origin}", {"origin": "unix:///run/x.sock"}, "unix:///run/x.sock"),
        ("{origin}/v1", {"origin": "unix:///run/x.sock:/b"}, "unix:///run/x.sock:/b/v1"),
        ("https://h/{t}", {"t": True}, "https://h/true"),
        ("https://h/{t}", {"t": "..."}, "https://h/..."),
        ("https://h/{t}/v", {"t": "{t}"}, "https://h/%7Bt%7D/v"),
    ],
)  # fmt: skip
def test_value_fills_its_place_in_a_base_uri(
    text: str, values: dict[str, Any], expected: str
) -> None:
    """A value is encoded in the path, and stands as it is in the host."""
    assert filled(text, **values) == expected


def test_variable_stands_before_an_argument() -> None:
    """An argument is used only where no variable has the name, or is declared."""
    assert filled("https://h/{a}", variables={"a": "v"}, a="x") == "https://h/v"
    with pytest.raises(naftiko.UnboundVariable) as caught:
        filled("https://h/{region}", region="x")
    assert caught.value.name == "region"


def test_base_uri_without_a_value_says_how_to_give_it() -> None:
    """An argument and a variable are missed with the same words and another hint."""
    with pytest.raises(naftiko.CallError) as caught:
        filled("https://h/{a}")
    error = caught.value
    assert not isinstance(error, naftiko.UnboundVariable)
    assert error.message == "the base URI 'https://h/{a}' needs a value for 'a'"
    assert error.hint == "give variables={'a': …} or base_uri="
    assert worded(error.hint, SHELL) == "give --base-uri"
    assert error.code == "U-base-uri-unresolved"
    with pytest.raises(naftiko.UnboundVariable) as unbound:
        filled("https://h/{{TOKEN}}", variables={"TOKEN": ""})
    assert unbound.value.hint.startswith("set TOKEN in the environment, or give ")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "a value of type 'object' cannot be sent"),
        (b"\xff", "its bytes are not UTF-8"),
    ],
)
def test_argument_without_a_text_is_refused(value: Any, reason: str) -> None:
    """An argument that has no text form is refused by its name."""
    with pytest.raises(naftiko.ArgumentError) as caught:
        filled("https://h/{a}", a=value)
    assert (
        caught.value.message == f"argument 'a' cannot stand in the base URI: {reason}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "https://h/{a}/v1",
        "https://h/v1/{a}",
        "unix:///run/x.sock:/{a}/v1",
        "unix:/run/x.sock:/{a}/v1",
        "http+unix://%2Frun%2Fx.sock/{a}",
    ],
)
def test_dot_segment_in_a_base_uri_is_refused(text: str) -> None:
    """A value cannot leave the base path, however the base URI is written."""
    for value in (".", ".."):
        with pytest.raises(naftiko.ArgumentError) as caught:
            filled(text, a=value)
        assert caught.value.message == (
            "the base URI would hold a dot segment (argument 'a')"
        )


def test_path_of_a_socket_with_one_slash_takes_any_text() -> None:
    """A value behind `unix:/…` is encoded like one behind `unix:///…`."""
    for text in ("unix:/run/x.sock:/{a}", "unix:///run/x.sock:/{a}"):
        assert split_origin(filled(text, a="b c")).path == "/b%20c"


def test_marker_of_a_preview_stands_anywhere() -> None:
    """The name of a variable stands in its place, also in the host."""
    shown = {"TOKEN": marker("TOKEN"), "region": marker("region")}
    text = filled("https://{region}.h/{{TOKEN}}", variables=shown)
    assert text == f"https://{marker('region')}.h/{marker('TOKEN')}"


@pytest.mark.parametrize(
    "value",
    [
        "evil.test/%EE%80%80", "evil.test/\\ue000", f"evil.test/{marker('region')}",
        marker("region"), marker("evil.test/"), "\ue000",
    ],
)  # fmt: skip
def test_argument_that_looks_like_a_marker_is_checked(value: str) -> None:
    """An argument cannot pass for a variable of a preview, and so name another host."""
    with pytest.raises(naftiko.ArgumentError, match="no host name or port"):
        filled("https://{a}.example.com", a=value)
    with pytest.raises(naftiko.ArgumentError, match="whole origin"):
        filled("{a}/v1", a=value)
    if value != marker(value[1:-1]):
        with pytest.raises(naftiko.ArgumentError, match="no host name or port"):
            filled("https://{a}.example.com", variables={"a": value})


@pytest.mark.parametrize(
    "value", ["https://evil#", "https://u@h", "https://h?", "junk", "a b"]
)
def test_values_for_a_whole_origin_are_checked(value: str) -> None:
    """A variable that stands for the origin is a URL and nothing more."""
    api = capability(consumes={"baseUri": "{{ORIGIN}}/v1"}, variables={"ORIGIN": value})
    with pytest.raises(naftiko.ArgumentError, match="whole origin") as caught:
        api.request("api.op")
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["a/b", "a@b", "a#", "a?", "a:b", "[x]", "a b"])
def test_values_in_a_host_are_checked(value: str) -> None:
    """An argument in the host is a label or a port, so that it names no other host."""
    api = capability(consumes={"baseUri": "https://{host}.example.com"})
    with pytest.raises(naftiko.ArgumentError, match="no host name or port"):
        api.request("api.op", host=value)


def test_a_variable_may_name_a_socket() -> None:
    """The part after a socket in the base URI is the path on the server."""
    api = capability(
        consumes={"baseUri": "{{ORIGIN}}/v1"},
        variables={"ORIGIN": "unix:///run/x.sock"},
    )
    request = api.request("api.op")
    assert (request.socket, request.url) == ("/run/x.sock", "http://localhost/v1/x")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("https://h:81", Origin("https://h:81", "")),
        ("HTTP://h/a b/%20", Origin("http://h", "/a%20b/%20")),
        ("unix:///run/x.sock", Origin("http://localhost", "", "/run/x.sock")),
        ("unix:/run/x.sock:/v1", Origin("http://localhost", "/v1", "/run/x.sock")),
        ("unix:///run/a:b.sock:/v1", Origin("http://localhost", "/v1", "/run/a:b.sock")),
        ("http+unix://%2Frun%2Fx.sock/v1", Origin("http://localhost", "/v1", "/run/x.sock")),
        ("http+unix:///run/x.sock", Origin("http://localhost", "", "/run/x.sock")),
    ],
)  # fmt: skip
def test_base_uri_is_split(uri: str, expected: Origin) -> None:
    """A base URI is an origin, a path and perhaps the socket of the server."""
    assert split_origin(uri) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/$x:y@z!'()*+,;=~&", "/a/$x:y@z!'()*+,;=~&"),
        ("/%2F%zz", "/%2F%zz"),
        ('/a b?c#d\n"é', "/a%20b%3Fc%23d%0A%22%C3%A9"),
    ],
)
def test_path_keeps_what_a_path_may_hold(path: str, expected: str) -> None:
    """Each other character is encoded; what is encoded already stays."""
    assert quote_path(path) == expected
