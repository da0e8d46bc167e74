"""The escape hatch: what may be sent through it, and what comes back."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from viber_async import errors
from viber_async._sansio import answer as answers
from viber_async._sansio import raw
from viber_async._sansio.answer import Answer
from viber_async._sansio.call import Kind
from viber_async._sansio.converter import make_converter
from viber_async._sansio.privacy import shown
from viber_async.errors import ValidationError

CONVERTER = make_converter(None)
NOW = datetime(2024, 1, 31, tzinfo=UTC)


def request(method="GET", path="/viber/task", *, params=None, json=None, idempotent=True):
    return raw.request(method, path, params=params, json=json, idempotent=idempotent)


def read(body: bytes, status: int = 200) -> object:
    answer = Answer(status=status, headers={}, body=body)
    return answers.read(request(), answer, converter=CONVERTER, now=NOW)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("idempotent", "kind"), [(True, Kind.READ), (False, Kind.OTHER)])
def test_a_call_is_what_was_asked_for(method, idempotent, kind):
    """It is repeated like a read if that is harmless, and else only if it was certainly not carried out."""
    call = request(method, "/viber/update", params={"a": 1}, json={"id": 5}, idempotent=idempotent)

    assert (call.kind, call.method, call.path, call.params) == (kind, method, "/viber/update", {"a": 1})
    assert (call.body, call.empty_is_none, call.is_callers_own) == (b'{"id":5}', True, True)


def test_what_is_not_given_is_not_sent():
    """No parameters, no body."""
    assert (request().params, request().body) == ({}, None)


@pytest.mark.parametrize(("json", "body"), [([], b"[]"), ({}, b"{}"), (0, b"0"), (False, b"false"), ("", b'""')])
def test_an_empty_body_is_a_body(json, body):
    """Only None means absent."""
    assert request(json=json).body == body


@pytest.mark.parametrize(
    "method", ["get", "HEAD", "OPTIONS", "TRACE", "CONNECT", "GET ", "", None, 5, ["GET"]], ids=repr
)
def test_other_methods_are_refused(method):
    """By name, with those that there are."""
    with pytest.raises(ValidationError, match="one of GET, POST, PUT, PATCH, DELETE") as caught:
        request(method)

    assert (caught.value.field, caught.value.shown) == ("method", shown(method))


@pytest.mark.parametrize("value", [None, 0, 1, "yes"], ids=repr)
def test_whether_it_is_harmless_is_said_with_a_bool(value):
    """A truthy word could mean anything."""
    with pytest.raises(ValidationError) as caught:
        request(idempotent=value)

    assert (caught.value.field, caught.value.rule) == ("idempotent", "True or False")
    assert caught.value.shown == shown(value)


@pytest.mark.parametrize("path", ["viber", "//evil.example", "/viber?x=1", "/..", "https://evil.example", None])
def test_a_path_keeps_the_rules_for_paths(path):
    """They stand in one place."""
    with pytest.raises(ValidationError) as caught:
        request(path=path)

    assert caught.value.field == "path"


@pytest.mark.parametrize("value", ["", "x", "привіт", 0, -5, 10**18, 2**63 - 1, -(2**63)])
def test_a_parameter_is_a_string_or_an_int(value):
    """Numbers as far as the wire has them."""
    assert request(params={"a": value}).params == {"a": value}


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"a": True}, id="bool"),
        pytest.param({"a": None}, id="None"),
        pytest.param({"a": 1.5}, id="float"),
        pytest.param({"a": Decimal(1)}, id="Decimal"),
        pytest.param({"a": b"x"}, id="bytes"),
        pytest.param({"a": ["x"]}, id="list"),
        pytest.param({"a": "x", "b": {}}, id="the second one"),
        pytest.param({5: "x"}, id="int name"),
        pytest.param({None: "x"}, id="None name"),
        pytest.param({b"a": "x"}, id="bytes name"),
        pytest.param({"a": "\ud800"}, id="half a character"),
        pytest.param({"\udfff": "x"}, id="half a character in a name"),
        pytest.param({"a": 10**5000}, id="5001 digits"),
        pytest.param({"a": 2**63}, id="64 bits and one"),
        pytest.param({"a": -(2**63) - 1}, id="64 bits and one below"),
        pytest.param([("a", "x")], id="pairs"),
        pytest.param("a=x", id="string"),
        pytest.param(b"a=x", id="byte string"),
        pytest.param(5, id="number"),
        pytest.param([], id="empty list"),
        pytest.param("", id="empty string"),
    ],
)
def test_other_parameters_are_refused_before_anything_is_sent(params):
    """With our own error, naming the parameter."""
    with pytest.raises(ValidationError, match=r"^params") as caught:
        request(params=params)

    assert caught.value.field.startswith("params")


@pytest.mark.parametrize(
    ("params", "field", "rule", "picture"),
    [
        ([], "params", "a mapping from names to strings and ints", "a list of 0"),
        ({"a": 1.5}, "params['a']", "text or an int of 64 bits under a name", "1.5"),
    ],
)
def test_a_refused_parameter_is_named_and_shown(params, field, rule, picture):
    """So that it can be found in what a program put together."""
    with pytest.raises(ValidationError) as caught:
        request(params=params)

    assert (caught.value.field, caught.value.rule, caught.value.shown) == (field, rule, picture)


def test_a_refused_parameter_does_not_show_a_phone():
    """Neither in its value nor in its name."""
    with pytest.raises(ValidationError) as caught:
        request(params={"380931112111": {"380931112112": 1}})

    assert "380931112111" not in str(caught.value) + caught.value.field


def test_parameters_and_body_are_taken_as_they_are_now():
    """What the caller changes afterwards does not reach the wire."""
    params, json = {"a": 1}, {"phones": ["1"]}
    call = request(params=params, json=json)
    params["a"] = 2
    json["phones"].append("2")

    assert (call.params, call.body) == ({"a": 1}, b'{"phones":["1"]}')


def circle() -> list[object]:
    ring: list[object] = []
    ring.append(ring)
    return ring


def deep() -> list[object]:
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    ("json", "why"),
    [
        pytest.param(math.nan, "ValueError", id="NaN"),
        pytest.param([math.inf], "ValueError", id="Infinity"),
        pytest.param({"a": {1}}, "TypeError", id="set"),
        pytest.param({"a": b"x"}, "TypeError", id="bytes"),
        pytest.param({(1, 2): 3}, "TypeError", id="tuple as key"),
        pytest.param(Decimal(1), "TypeError", id="Decimal"),
        pytest.param("\ud800", "UnicodeEncodeError", id="half a character"),
        pytest.param([10**5000], "ValueError", id="5001 digits"),
        pytest.param(circle(), "ValueError", id="circle"),
        pytest.param(deep(), "RecursionError", id="deep"),
    ],
)
def test_a_body_that_is_not_json_is_refused_before_anything_is_sent(json, why):
    """With our own error."""
    with pytest.raises(ValidationError, match=rf"cannot be written as JSON \({why}\)") as caught:
        request(json=json)

    assert (caught.value.field, caught.value.shown) == ("json", shown(json))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", None),
        (b"null", None),
        (b"[]", []),
        (b'{"price": 0.74, "id": 5}', {"price": 0.74, "id": 5}),
        (b'[[1.5], {"a": {"b": [2.5]}}]', [[1.5], {"a": {"b": [2.5]}}]),
        (b'"x"', "x"),
        (b"true", True),
        (b"9223372036854775807", 2**63 - 1),
    ],
)
def test_an_answer_comes_as_plain_values(body, value):
    """Fractions as floats; an empty body as None."""
    answer = read(body)

    assert answer == value
    assert not _kinds(answer) & {Decimal}


def _kinds(value: object) -> set[type]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return {type(value)}.union(*map(_kinds, inner))


@pytest.mark.parametrize("depth", [50, 200, 400, 500, 600, 700, 800, 900, 1000, 5000, 100_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
def test_an_answer_is_nested_as_deep_as_it_can_be_read_or_is_an_error_of_ours(depth, brackets):
    """RecursionError is a foreign exception."""
    opening, closing = brackets
    try:
        assert read(opening * depth + b"1" + closing * depth)
    except errors.DecodeError as error:
        assert str(error).endswith("a body that cannot be read: nested too deeply")  # noqa: PT017 - either is right, where the edge is is Python's business
        assert depth > 200


def test_a_response_says_how_it_came():
    """Status, headers, request id, attempts and waiting."""
    answer = Answer(status=201, headers={"x-request-id": "r-1"}, body=b"{}")

    assert raw.response(answer, {}, attempts=2, waited=0.5) == raw.ApiResponse(
        status=201, headers={"x-request-id": "r-1"}, json={}, request_id="r-1", attempts=2, waited=0.5
    )


def test_a_response_does_not_show_what_it_holds():
    """Headers and body may hold phones."""
    answer = Answer(status=200, headers={"a": "380931112111"}, body=b"")

    assert repr(raw.response(answer, "380931112111", attempts=1, waited=0.0)) == (
        "ApiResponse(status=200, request_id=None, attempts=1, waited=0.0)"
    )
