"""Which addresses and paths may be talked to, each with the reason why the others may not."""

from __future__ import annotations

import pytest

from tests.naming import spelled
from viber_async._sansio.address import base_url, path
from viber_async._sansio.privacy import shown
from viber_async.errors import ConfigurationError, ValidationError


@pytest.mark.fault("S01")
@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://api.sendpulse.com", "https://api.sendpulse.com"),
        ("https://api.sendpulse.com/", "https://api.sendpulse.com"),
        ("https://api.sendpulse.com:8443", "https://api.sendpulse.com:8443"),
        ("https://api.sendpulse.com:65535", "https://api.sendpulse.com:65535"),
        ("https://api.sendpulse.com:1/", "https://api.sendpulse.com:1"),
        ("https://gateway.example/sendpulse", "https://gateway.example/sendpulse"),
        ("https://gateway.example/send-pulse_1.0~x/v2/", "https://gateway.example/send-pulse_1.0~x/v2"),
        ("https://gateway.example/X/", "https://gateway.example/X"),
        ("https://localhost", "https://localhost"),
        ("https://a", "https://a"),
        ("https://" + "a" * 63 + ".example", "https://" + "a" * 63 + ".example"),
        ("https://xn--e1afmkfd.example", "https://xn--e1afmkfd.example"),
        ("https://10.0.0.7", "https://10.0.0.7"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://1x.example", "https://1x.example"),
        ("https://0x7f.example", "https://0x7f.example"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.0.0.1:8025/", "http://127.0.0.1:8025"),
        ("http://127.255.255.254", "http://127.255.255.254"),
        ("http://[::1]:8025", "http://[::1]:8025"),
        ("HTTPS://api.sendpulse.com", "HTTPS://api.sendpulse.com"),
    ],
)
def test_an_address_that_can_be_read_in_one_way_is_taken(written, kept):
    """Without the slash at its end."""
    assert base_url(written) == kept


HTTPS_ONLY = "plain http is allowed only to a loopback address"
NOT_PLAIN = "its host is not a plain name or address"
ONLY_HOST = "only a host, a port and a plain path may stand in it"
WRITE_IT = "write it as https://host"
ANY_RULE = ""
"""Which one it breaks first differs from Python to Python."""
NO_USER = "user information does not belong into it"


@pytest.mark.fault("S01")
@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("http://api.sendpulse.com", HTTPS_ONLY),
        ("http://localhost", HTTPS_ONLY),
        ("http://localhost:8025", HTTPS_ONLY),
        ("http://localhost.evil", HTTPS_ONLY),
        ("http://127.0.0.1.example", HTTPS_ONLY),
        ("http://127.0.0.1.", HTTPS_ONLY),
        ("http://127.1", HTTPS_ONLY),
        ("http://2130706433", HTTPS_ONLY),
        ("http://0x7f000001", HTTPS_ONLY),
        ("http://017700000001", HTTPS_ONLY),
        ("http://127.0.0.01", HTTPS_ONLY),
        ("http://0.0.0.0", HTTPS_ONLY),
        ("http://128.0.0.1", HTTPS_ONLY),
        ("http://126.255.255.255", HTTPS_ONLY),
        ("http://10.0.0.1", HTTPS_ONLY),
        ("http://[::2]", HTTPS_ONLY),
        ("http://", HTTPS_ONLY),
        ("https://", NOT_PLAIN),
        ("https:///x", NOT_PLAIN),
        ("https:api.sendpulse.com", NOT_PLAIN),
        ("https://:8443", NOT_PLAIN),
        ("https://api.sendpulse.com.", NOT_PLAIN),
        ("https://localhost.", NOT_PLAIN),
        ("https://.example", NOT_PLAIN),
        ("https://a..example", NOT_PLAIN),
        ("https://-a.example", NOT_PLAIN),
        ("https://a-.example", NOT_PLAIN),
        ("https://" + "a" * 64 + ".example", NOT_PLAIN),
        ("https://a_b.example", NOT_PLAIN),
        ("https://a%2eexample", NOT_PLAIN),
        ("https://a*.example", NOT_PLAIN),
        ("https://127.1", NOT_PLAIN),
        ("https://2130706433", NOT_PLAIN),
        ("https://0x7f000001", NOT_PLAIN),
        ("https://0X7F.0x1", NOT_PLAIN),
        ("https://0x", NOT_PLAIN),
        ("https://1.2.3.4.5", NOT_PLAIN),
        ("https://127.0.0.01", NOT_PLAIN),
        ("https://256.1.1.1", NOT_PLAIN),
        ("https://[::1%25eth0]", ANY_RULE),
        ("http://[::1%lo]", ANY_RULE),
        ("https://[::1]x", ANY_RULE),
        ("https://[::1]evil.example", ANY_RULE),
        ("http://[::1]evil.example", ANY_RULE),
        ("https://x[::1]", ANY_RULE),
        ("https://[v1.a]", ANY_RULE),
        ("https://[127.0.0.1]", ANY_RULE),
        ("https://[api.example]", ANY_RULE),
        ("https://::1", ANY_RULE),
        ("file:///etc/passwd", WRITE_IT),
        ("ftp://api.sendpulse.com", WRITE_IT),
        ("ws://127.0.0.1", WRITE_IT),
        ("api.sendpulse.com", WRITE_IT),
        ("api.sendpulse.com:443", WRITE_IT),
        ("//api.sendpulse.com", WRITE_IT),
        ("", WRITE_IT),
        (" https://api.sendpulse.com", WRITE_IT),
        ("https://api.sendpulse.com ", WRITE_IT),
        ("https://api.sendpulse.com\n", WRITE_IT),
        ("https://api.send\tpulse.com", WRITE_IT),
        ("https://api.sendpulse.com\\x", WRITE_IT),
        ("https:\\\\api.sendpulse.com", WRITE_IT),
        ("https://\u0430pi.sendpulse.com", WRITE_IT),
        ("https://api\u3002example", WRITE_IT),
        ("https://api.sendpulse.com:x", WRITE_IT),
        ("https://api.sendpulse.com:65536", WRITE_IT),
        ("https://api.sendpulse.com:-1", WRITE_IT),
        ("https://[::1", WRITE_IT),
        ("https://api.sendpulse.com:0", ONLY_HOST),
        ("https://api.sendpulse.com?", ONLY_HOST),
        ("https://api.sendpulse.com?a=b", ONLY_HOST),
        ("https://api.sendpulse.com#", ONLY_HOST),
        ("https://api.sendpulse.com#a", ONLY_HOST),
        ("https://api.sendpulse.com//x", ONLY_HOST),
        ("https://api.sendpulse.com//", ONLY_HOST),
        ("https://api.sendpulse.com:", NOT_PLAIN),
        ("https://api.sendpulse.com/%2e%2e", ONLY_HOST),
        ("https://api.sendpulse.com/..", ONLY_HOST),
        ("https://api.sendpulse.com/a/../b", ONLY_HOST),
        ("https://api.sendpulse.com/.", ONLY_HOST),
        ("https://api.sendpulse.com/./a", ONLY_HOST),
        ("https://api.sendpulse.com/a;b", ONLY_HOST),
        ("https://user@api.sendpulse.com", NO_USER),
        ("https://user:geheim@api.sendpulse.com", NO_USER),
        ("https://@api.sendpulse.com", NO_USER),
        ("https://api.sendpulse.com@evil.example", NO_USER),
        ("https//user:geheim@api.sendpulse.com", NO_USER),
        ("user:geheim@api.sendpulse.com", NO_USER),
        ("https://user:g#heim@api.sendpulse.com", NO_USER),
        ("https://user:geh eim@api.sendpulse.com", NO_USER),
        ("https://user:g\u00e9heim@api.sendpulse.com", NO_USER),
        ("https://api.sendpulse.com/a@b", NO_USER),
    ],
)
def test_an_address_that_could_be_read_in_two_ways_is_refused(written, rule):
    """With the rule, and never with a password."""
    with pytest.raises(ConfigurationError) as caught:
        base_url(written)

    assert str(caught.value).startswith(f"base_url: {rule}")
    assert "heim" not in str(caught.value)
    assert not str(caught.value).endswith("; got None")


@pytest.mark.parametrize("value", [None, 5, b"https://api.sendpulse.com", ["https://a"], object()], ids=spelled)
def test_an_address_is_a_string(value):
    """Nothing else is turned into one."""
    with pytest.raises(ConfigurationError, match="write it as https://host"):
        base_url(value)


def test_a_setting_is_refused_under_its_own_name():
    """The proxy's address keeps the same rules."""
    with pytest.raises(ConfigurationError, match=r"^proxy: "):
        base_url("ftp://x", "proxy")


@pytest.mark.parametrize(
    ("key", "picture"),
    [
        ("?token=geheim", "'https://api.sendpulse.com?…'"),
        ("#geheim", "'https://api.sendpulse.com#…'"),
        ("/?geheim", "'https://api.sendpulse.com/?…'"),
        ("/?a\ngeheim", "'https://api.sendpulse.com/?…'"),
    ],
)
def test_what_follows_the_path_is_not_shown(key, picture):
    """It may be a key that somebody put there."""
    with pytest.raises(ConfigurationError) as caught:
        base_url(f"https://api.sendpulse.com{key}")

    assert str(caught.value).endswith(f"; got {picture}")


@pytest.mark.parametrize(
    "value",
    [
        "/viber",
        "/viber/",
        "/viber/task/90241",
        "/v2/viber-service/phone-exception",
        "/a.b/c..d/...",
        "/~a/-/_",
        "/a!$&'()*+,;=:@b",
        "/" + "x" * 499,
    ],
    ids=lambda value: value[:30],
)
def test_a_plain_path_is_taken_as_it_is(value):
    """Whatever RFC 3986 allows in a path, without anything encoded."""
    assert path(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "/",
        "viber",
        "viber/task",
        "//evil.example",
        "//evil.example/viber",
        "/viber//task",
        "/viber?x=1",
        "/viber#x",
        "/viber%2f..",
        "/viber\\task",
        "/viber task",
        "/viber\n",
        "/viber\r\nHost: evil",
        "/viber\x00",
        "/v\u00efber",
        "/\uff11",
        "https://evil.example/viber",
        "/viber/[1]",
        "/viber/<1>",
        '/viber/"',
        "/viber/{id}",
        "/viber|x",
        "/" + "x" * 500,
        None,
        5,
        b"/viber",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_path_that_could_change_host_or_route_is_refused(value):
    """A query goes into params."""
    with pytest.raises(ValidationError) as caught:
        path(value)

    rule = "write a plain path such as /viber/task; a query goes into params"
    assert (caught.value.field, caught.value.rule, caught.value.shown) == ("path", rule, shown(value))


@pytest.mark.parametrize(
    "value", ["/..", "/.", "/viber/..", "/viber/../..", "/../viber", "/viber/./task", "/viber/../"]
)
def test_a_path_does_not_walk(value):
    """Two dots are resolved by clients and servers, each in its own way."""
    with pytest.raises(ValidationError) as caught:
        path(value)

    assert (caught.value.field, caught.value.rule) == ("path", "write it without . and ..")
    assert caught.value.shown == shown(value)
