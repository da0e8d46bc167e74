"""Status, headers and body of an answer, and the error that each of them means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from viber_async import errors
from viber_async._sansio import answer as answers
from viber_async._sansio.answer import Answer, is_certain_refusal, retry_after, too_large
from viber_async._sansio.call import Call, Kind, Unreadable
from viber_async._sansio.converter import make_converter
from viber_async._sansio.tokens import ClientCredentials, token_call
from viber_async.errors import Delivery

CONVERTER = make_converter(None)
NOW = datetime(2024, 1, 31, 12, 0, 0, tzinfo=UTC)
PHONE = "380931112111"
SECRET = "geheim/geheim+geheim"
TOKEN_CALL = token_call(ClientCredentials("the-id", "the-secret"))


def call(kind: Kind = Kind.READ, **fields) -> Call[object]:
    given: dict[str, Any] = {"method": "GET", "path": "/viber/task", "read": lambda _, parsed: parsed} | fields
    return Call(kind, **given)


def answer(status: int = 200, body: object = b"", *, secret: str = "", **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=names, body=raw, secret=secret)


def read(given: Answer, asked: Call[object] | None = None) -> object:
    return answers.read(asked or call(), given, converter=CONVERTER, now=NOW)


def error_of(given: Answer, asked: Call[object] | None = None) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        read(given, asked)
    return caught.value


STATUSES = [
    (100, errors.ApiError),
    (199, errors.ApiError),
    (300, errors.ApiError),
    (301, errors.ApiError),
    (302, errors.ApiError),
    (304, errors.ApiError),
    (307, errors.ApiError),
    (400, errors.BadRequestError),
    (401, errors.AuthenticationError),
    (402, errors.ApiError),
    (403, errors.PermissionDeniedError),
    (404, errors.NotFoundError),
    (405, errors.ApiError),
    (408, errors.ApiError),
    (409, errors.ApiError),
    (410, errors.ApiError),
    (413, errors.ApiError),
    (418, errors.ApiError),
    (422, errors.BadRequestError),
    (429, errors.RateLimitError),
    (499, errors.ApiError),
    (500, errors.ServerError),
    (502, errors.ServerError),
    (503, errors.ServerError),
    (504, errors.ServerError),
    (599, errors.ServerError),
    (600, errors.ServerError),
]


@pytest.mark.fault("P02")
@pytest.mark.parametrize(("status", "kind"), STATUSES)
@pytest.mark.parametrize(
    "body", [b"", b"<html>sorry</html>", b'{"message": "sorry"}', b"[]", b"null", b"{", b"\xff"], ids=repr
)
def test_without_a_code_of_its_own_an_error_goes_by_its_status(status, kind, body):
    """Whatever the body is: HTML, JSON, nothing or half of something."""
    error = error_of(answer(status, body))

    assert (type(error), error.status, error.error_code, error.delivery) == (kind, status, None, Delivery.ANSWERED)


CODES = [
    (2020202020, errors.RateLimitError),
    (401, errors.AuthenticationError),
    (800, errors.PermissionDeniedError),
    (213, errors.NotFoundError),
    (703, errors.NotFoundError),
    (602, errors.NotFoundError),
    (802, errors.NotFoundError),
    (704, errors.NotFoundError),
    (901, errors.NotFoundError),
    (1003, errors.NotFoundError),
    (707, errors.QuotaError),
    (708, errors.QuotaError),
    (791, errors.QuotaError),
    (799, errors.BadRequestError),
    (422, errors.BadRequestError),
]


@pytest.mark.fault("R05")
@pytest.mark.parametrize("code", [401, 2020202020])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(300, errors.ApiError), (399, errors.ApiError), (500, errors.ServerError), (503, errors.ServerError)],
)
def test_a_server_that_fails_is_not_believed_when_it_asks_for_more(code, status, kind):
    """Both codes are answered by sending again, and it may have done its work (R05)."""
    error = error_of(answer(status, {"error_code": code}))

    assert type(error) is kind
    assert not is_certain_refusal(error)


@pytest.mark.parametrize(("code", "kind"), CODES[2:])
def test_any_other_code_names_the_failure_of_a_server_that_fails(code, kind):
    """They are final, so nothing is sent again; but it is no proof that nothing was done."""
    error = error_of(answer(500, {"error_code": code}))

    assert type(error) is kind
    assert not is_certain_refusal(error)


@pytest.mark.parametrize(("code", "kind"), CODES)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 499])
@pytest.mark.parametrize("write", [int, str])
def test_a_known_code_says_more_than_the_status(code, kind, status, write):
    """The body is looked at first; a code may be written as a string."""
    error = error_of(answer(status, {"error_code": write(code), "message": "no"}))

    assert (type(error), error.status, error.error_code, error.message) == (kind, status, code, "no")


def test_every_code_of_the_table_is_tested():
    """A code that is added here needs its row above."""
    assert dict(CODES) == answers.BY_CODE


@pytest.mark.parametrize("code", [1, 400, 403, 404, 429, 500, 502, 790, 792, 706, 709, 2020202019, -1, 10**17])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, errors.ApiError), (400, errors.BadRequestError), (429, errors.RateLimitError), (500, errors.ServerError)],
)
def test_an_unknown_code_is_kept_and_the_status_decides(code, status, kind):
    """400, 404, 429 and 502 are no HTTP statuses when they stand in ``error_code``."""
    error = error_of(answer(status, {"error_code": code}))

    assert (type(error), error.error_code) == (kind, code)


@pytest.mark.fault("P17", "P18")
@pytest.mark.parametrize(
    "body",
    [
        {"result": False},
        {"result": False, "data": {}},
        {"success": False},
        {"is_error": True},
        {"is_error": True, "message": "no", "error_code": 602},
        {"error_code": 5},
        {"error_code": "5"},
        {"error": "invalid_client", "error_description": "who?"},
        {"error": None, "error_description": None},
        {"result": True, "error_code": 5},
        {"result": True, "success": False},
        {"result": True, "is_error": True},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_a_no_is_a_no_even_with_status_200(body, status):
    """Six styles of envelope; one of them is enough."""
    assert error_of(answer(status, body)).status == status


@pytest.mark.parametrize(
    "body",
    [
        {"result": True},
        {"result": None},
        {"result": 0},
        {"result": "false"},
        {"success": True},
        {"success": 0},
        {"is_error": False},
        {"is_error": None},
        {"is_error": 1},
        {"is_error": "true"},
        {"error_code": 0},
        {"error_code": "0"},
        {"error_code": None},
        {"error_code": ""},
        {"error_code": "none"},
        {"error_code": "-5"},
        {"error_code": " 5"},
        {"error_code": "\uff15"},
        {"error_code": "\u00b2"},
        {"error_code": "9" * 19},
        {"error_code": "9" * 5000},
        {"error_code": True},
        {"error_code": 5.0},
        {"error_code": [5]},
        {"error": "x"},
        {"error_description": "x"},
        {"errors": {"a": "b"}},
        {"errors": 3},
        {"message": "hello"},
        {"data": {"result": False, "error_code": 5}},
        {},
        [],
        [{"result": False}],
        [{"error_code": 5}],
        None,
        False,
        "error",
        0,
    ],
    ids=lambda body: json.dumps(body)[:40],
)
def test_what_is_not_a_no_is_left_to_the_reader_of_the_call(body):
    """Only the real values count: "false" is not false, and a campaign may have a message and errors."""
    assert read(answer(200, body)) == (body if body != {"error_code": 5.0} else {"error_code": 5})


@pytest.mark.parametrize(("digits", "code"), [("9" * 18, 10**18 - 1), ("007", 7)])
def test_a_code_in_a_string_may_have_eighteen_digits(digits, code):
    """And zeros before it."""
    assert error_of(answer(400, {"error_code": digits})).error_code == code


@pytest.mark.fault("P25", "S12")
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"message": "a", "error_description": "b", "error": "c"}, "a"),
        ({"error_description": "b", "error": "c"}, "b"),
        ({"error": "c"}, "c"),
        ({"message": "", "error": "c"}, "c"),
        ({"message": None, "error": "c"}, "c"),
        ({"message": 5, "error": ["c"]}, ""),
        ({}, ""),
        ({"message": f"call {PHONE}\r\n\x1b[31m %s {{x}}"}, r"call 3809•••••111\r\n\x1b[31m %s {x}"),
        ({"message": "x" * 501}, "x" * 500 + "…"),
        ({"message": "x" * 500}, "x" * 500),
        ([], ""),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_the_sentence_of_the_provider_is_kept_safe_and_bounded(body, sentence):
    """The first of its three names that says something."""
    assert error_of(answer(400, body)).message == sentence


@pytest.mark.fault("P25")
@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        (
            {"message": ["too long", "too loud"], "sender_id": "unknown"},
            {"message": ("too long", "too loud"), "sender_id": ("unknown",)},
        ),
        ({"a": []}, {"a": ()}),
        ({"a": 5, "b": None}, {"a": ("5",), "b": ("None",)}),
        ({"a": {"b": PHONE}}, {"a": ("a dict of 1",)}),
        ({"a": [["x"]]}, {"a": ("a list of 1",)}),
        ({PHONE: f"not {PHONE}"}, {"3809•••••111": ("not 3809•••••111",)}),
        ({"a\n": "b\n"}, {r"a\n": (r"b\n",)}),
        ({"x" * 61: "y" * 301}, {"x" * 60 + "…": ("y" * 300 + "…",)}),
        ({"x" * 60: "y" * 300}, {"x" * 60: ("y" * 300,)}),
        ({"a": list("123456")}, {"a": tuple("12345")}),
        ({f"f{i}": "x" for i in range(21)}, {f"f{i}": ("x",) for i in range(20)}),
        ([], {}),
        ("x", {}),
        (3, {}),
        (None, {}),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_refusal_field_by_field_is_kept_safe_and_bounded(fields, kept):
    """Twenty fields of five sentences; containers only by what they are."""
    assert error_of(answer(422, {"errors": fields})).errors == kept


@pytest.mark.fault("P14")
@pytest.mark.parametrize("depth", [300, 500, 700, 800, 900, 950, 980])
def test_a_deeply_nested_explanation_is_no_foreign_error(depth):
    """Neither RecursionError nor a sentence of a thousand brackets."""
    error = error_of(answer(400, b'{"errors": {"a": ' + b"[" * depth + b"]" * depth + b"}}"))

    assert "[[" not in str(error)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            answer(404, {"error_code": 602, "message": "no task"}),
            (
                "GET /viber/task was answered 404 (error_code 602): no task. "
                "To do: check the id; if every call ends like this, check base_url"
            ),
        ),
        (
            answer(400, {"error_code": 704, "message": "Sender is not verified"}),
            (
                "GET /viber/task was answered 400 (error_code 704): Sender is not verified. To do: check the sender's "
                "id, or wait until it is verified; senders.list() shows which are"
            ),
        ),
        (answer(400), "GET /viber/task was answered 400"),
        (answer(418, b"<html>"), "GET /viber/task was answered 418"),
        (answer(422, {"errors": {"a": ["b", "c"], "d": "e"}}), "GET /viber/task was answered 422: a: b, c; d: e"),
        (answer(422, {"message": "m", "errors": {"a": "b"}}), "GET /viber/task was answered 422: m"),
        (answer(400, {"message": "x" * 301}), "GET /viber/task was answered 400: " + "x" * 300 + "…"),
        (
            answer(401),
            "GET /viber/task was answered 401. To do: check the credentials and that they have not been revoked",
        ),
        (
            answer(403),
            (
                "GET /viber/task was answered 403. "
                "To do: check the account's plan, role, state and list of allowed addresses"
            ),
        ),
        (
            answer(429),
            (
                "GET /viber/task was answered 429. "
                "To do: something else is using this account's allowance; share one limit, or wait"
            ),
        ),
        (
            answer(200, {"error_code": 707}),
            (
                "GET /viber/task was answered 200 (error_code 707), and says that it failed. "
                "To do: top up the account or wait for the quota to renew"
            ),
        ),
        (answer(502), "GET /viber/task was answered 502. To do: the provider failed; try later"),
        (
            answer(301, location="https://b.example/"),
            "GET /viber/task was answered 301. Redirects are not followed; was base_url meant to be https://b.example/?",
        ),
        (
            answer(308),
            "GET /viber/task was answered 308. Redirects are not followed; was base_url meant to be another address?",
        ),
        (
            answer(300),
            "GET /viber/task was answered 300. Redirects are not followed; was base_url meant to be another address?",
        ),
        (
            answer(399, location="x" * 201),
            "GET /viber/task was answered 399. Redirects are not followed; was base_url meant to be "
            + "x" * 200
            + "…?",
        ),
        (answer(400, location="https://b.example"), "GET /viber/task was answered 400"),
        (answer(299, {"result": False}), "GET /viber/task was answered 299, and says that it failed"),
        (
            answer(300, {"result": False}),
            "GET /viber/task was answered 300. Redirects are not followed; was base_url meant to be another address?",
        ),
        (
            answer(429, retry_after="200"),
            (
                "GET /viber/task was answered 429. It asked to wait 200 s. To do: something "
                "else is using this account's allowance; share one limit, or wait"
            ),
        ),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_the_text_says_what_happened_and_what_to_do(given, text):
    """What was asked, what came, what the provider said, what helps."""
    assert str(error_of(given)) == text


@pytest.mark.fault("S15")
def test_an_error_keeps_bounded_evidence():
    """Where it was, how the body began, and the few headers that help."""
    headers = {
        "content_type": "text/html",
        "date": "today",
        "retry_after": "soon",
        "x_request_id": "r" * 201,
        "request_id": "q",
    }
    error = error_of(answer(502, (f"{PHONE}\n" + "x" * 5000).encode(), set_cookie="a=b", server="nginx", **headers))

    assert (error.method, error.path, error.status) == ("GET", "/viber/task", 502)
    assert error.body == r"3809•••••111\n" + "x" * 1986 + "…"
    assert error.headers == {
        "content-type": "text/html",
        "date": "today",
        "retry-after": "soon",
        "x-request-id": "r" * 200 + "…",
        "request-id": "q",
    }


@pytest.mark.parametrize("length", [1999, 2000])
def test_a_short_body_is_kept_whole(length):
    """Two thousand characters."""
    assert error_of(answer(500, b"x" * length)).body == "x" * length


def test_of_a_long_body_twice_as_much_is_looked_at_as_is_kept():
    """What masking makes shorter may be followed by a little more, and by no more than that."""
    spread = "3  8  0  9  3  1  1  1  2  1  1 x "
    error = error_of(answer(500, (spread * 200).encode()))

    assert error.body.count("x") == 4000 // len(spread)


def test_an_answer_to_a_request_without_a_proof_hides_nothing():
    """There is nothing that it could give away."""
    assert Answer(status=500, headers={}, body=b"").secret == ""


def test_an_answer_shows_neither_its_body_nor_the_token():
    """Whoever logs one in a middleware gives nothing away."""
    shown = repr(answer(200, b"body-380931112111", secret=SECRET))

    assert not [word for word in ("380931112111", "body-", "geheim") if word in shown]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({}, None),
        ({"x_request_id": "a"}, "a"),
        ({"request_id": "b"}, "b"),
        ({"x_request_id": "a", "request_id": "b"}, "a"),
        ({"x_request_id": "", "request_id": "b"}, "b"),
    ],
)
def test_a_request_may_have_a_name(headers, name):
    """Under one of two headers."""
    assert answer(200, **headers).request_id == name


ECHOES = [
    answer(400, {"message": f"bad token {SECRET}"}, secret=SECRET),
    answer(400, {"errors": {SECRET: [f"x {SECRET}"]}}, secret=SECRET),
    answer(400, json.dumps({"message": SECRET}).replace("/", "\\/").encode(), secret=SECRET),
    answer(500, f"<html>{SECRET}".encode(), secret=SECRET),
    answer(200, f"<html>{SECRET}".encode(), secret=SECRET),
    answer(200, f'{{"{SECRET}": 1, "{SECRET}": 2}}'.encode(), secret=SECRET),
    answer(500, b"x" * 3990 + SECRET.encode(), secret=SECRET),
    answer(500, b"3 8 0 9 3 1 1 1 2 1 1 1 . " * 153 + b"x" * 12 + SECRET.encode() * 3, secret=SECRET),
    answer(500, b"x" * 1985 + SECRET.encode()[:15], secret=SECRET),
    answer(302, location=f"https://b.example/?token={SECRET}", secret=SECRET),
    answer(500, x_request_id=SECRET, secret=SECRET),
    answer(500, content_type=f"text/{SECRET}", secret=SECRET),
]


@pytest.mark.parametrize("given", ECHOES, ids=range(len(ECHOES)))
def test_a_token_that_comes_back_does_not_become_part_of_an_error(given):
    """Not in its text, its body, its headers; not escaped as PHP does it, and not its beginning at a cut."""
    error = error_of(given)

    assert "geheim" not in json.dumps([str(error), repr(error.args), *map(repr, vars(error).values())])


TOKEN_ECHOES = [
    answer(400, {"error": "invalid_client", "error_description": "the-secret is wrong"}),
    answer(400, {"message": "the-secret"}),
    answer(400, {"errors": {"the-secret": "the-secret"}}),
    answer(500, b"the-secret"),
    answer(200, b"the-secret"),
    answer(200, b'{"the-secret": 1, "the-secret": 2}'),
    answer(302, location="https://b.example/?the-secret"),
    answer(500, x_request_id="the-secret", content_type="the-secret"),
    answer(200, {"access_token": "the-secret\r\n"}),
    answer(200, {"access_token": "tok", "token_type": "the-secret"}),
    answer(200, {"access_token": "tok", "expires_in": "the-secret"}),
]


@pytest.mark.parametrize("given", TOKEN_ECHOES, ids=range(len(TOKEN_ECHOES)))
def test_of_a_token_call_hardly_anything_is_shown(given):
    """Its body holds secrets both ways."""
    error = error_of(given, TOKEN_CALL)

    assert "the-secret" not in json.dumps([str(error), *map(repr, vars(error).values())])
    assert error.body == ""


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("invalid_client", "invalid_client"),
        ("a" * 40, "a" * 40),
        ("a" * 41, ""),
        ("Invalid", ""),
        ("invalid client", ""),
        ("abc1", ""),
        ("", ""),
    ],
)
def test_an_oauth_word_is_shown(said, shown):
    """The words that the standard has for what is wrong."""
    assert error_of(answer(401, {"error": said, "error_description": "Client 5 unknown"}), TOKEN_CALL).message == shown


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(400, {"error": "invalid_client"}), errors.AuthenticationError),
        (answer(400, b"<html>"), errors.AuthenticationError),
        (answer(401, {"error": "invalid_client", "error_description": "x"}), errors.AuthenticationError),
        (answer(200, {"error": "invalid_client", "error_description": "x"}), errors.ApiError),
        (answer(422, {"error": "invalid_client"}), errors.BadRequestError),
        (answer(403), errors.PermissionDeniedError),
        (answer(400, {"error_code": 791}), errors.QuotaError),
        (answer(429), errors.RateLimitError),
        (answer(500), errors.ServerError),
        (answer(200, {"access_token": "a b"}), errors.AuthenticationError),
        (answer(200, {}), errors.AuthenticationError),
        (answer(200, {"access_token": "ab", "token_type": "mac"}), errors.AuthenticationError),
        (answer(200, {"access_token": "ab", "expires_in": 0}), errors.DecodeError),
        (answer(200, []), errors.DecodeError),
        (answer(200, b"<html>"), errors.DecodeError),
        (answer(200, b""), errors.DecodeError),
    ],
)
def test_what_a_token_call_says_about_credentials(given, kind):
    """400 and 401 mean a wrong secret, and so does a token that cannot be used."""
    assert type(error_of(given, TOKEN_CALL)) is kind


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TOKEN])
def test_elsewhere_400_says_nothing_about_credentials(kind):
    """Nor does a reader that misses a field called access_token."""
    assert type(error_of(answer(400), call(kind))) is errors.BadRequestError
    assert type(error_of(answer(200, {}), call(kind, read=TOKEN_CALL.read))) is errors.DecodeError


@pytest.mark.fault("P01", "P02", "P16")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the body is empty"),
        (b" \r\n", "the body is empty"),
        (b"<html>", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"NaN", "NaN is not JSON"),
        (b'{"result": false, "result": true}', "stands twice"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("status", [200, 204, 299])
def test_a_success_that_cannot_be_read_is_an_error(status, body, why):
    """With what is wrong, and how it began."""
    error = error_of(answer(status, body))

    assert type(error) is errors.DecodeError
    assert str(error).startswith(f"GET /viber/task was answered {status} with a body that cannot be read: ")
    assert why in str(error)
    assert (error.status, error.__cause__, error.__suppress_context__) == (status, None, True)


def test_what_is_wrong_is_quoted_but_never_for_a_token_call():
    """There it may be a secret."""
    twice = answer(200, b'{"result": false, "result": true}')

    assert str(error_of(twice)).endswith("cannot be read: the key 'result' stands twice in one object")
    assert str(error_of(twice, TOKEN_CALL)).endswith("cannot be read: the key … stands twice in one object")


def test_the_reader_of_the_call_gets_the_converter_and_what_was_parsed():
    """The rest is its own."""
    assert read(answer(200, [1]), call(read=lambda *given: given)) == (CONVERTER, [1])


def test_an_answer_of_the_wrong_shape_says_where():
    """The path in it, as the reader of the call gives it."""

    def reader(_converter: object, _parsed: object) -> object:
        raise Unreadable("[3].price", "not a number")

    error = error_of(answer(200, []), call(read=reader))

    assert str(error) == "GET /viber/task was answered 200 with a body that cannot be read at [3].price: not a number"


@pytest.mark.parametrize(("status", "body"), [(200, b""), (204, b""), (200, b"null")])
def test_an_empty_answer_is_none_where_the_call_allows_it(status, body):
    """As the escape hatch does."""
    assert read(answer(status, body), call(empty_is_none=True)) is None


@pytest.mark.parametrize("status", [199, 300, 404, 500])
def test_an_empty_answer_does_not_hide_its_status(status):
    """A failure stays one."""
    assert error_of(answer(status), call(empty_is_none=True)).status == status


def test_blank_is_not_empty():
    """A body of spaces is one that cannot be read."""
    assert type(error_of(answer(200, b" "), call(empty_is_none=True))) is errors.DecodeError


def test_an_answer_beyond_the_cap_says_how_large_it_may_be():
    """And keeps its beginning."""
    error = too_large(call(max_bytes=65536), answer(200, b"x" * 2000, content_type="text/html"))

    assert type(error) is errors.ResponseTooLargeError
    assert str(error) == "GET /viber/task was answered 200 with more than 65536 bytes; it was not read to its end"
    assert (error.status, error.body, error.headers) == (200, "x" * 2000, {"content-type": "text/html"})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (199, errors.ResponseTooLargeError),
        (200, errors.AuthenticationError),
        (299, errors.AuthenticationError),
        (300, errors.ResponseTooLargeError),
        (502, errors.ResponseTooLargeError),
    ],
)
def test_a_token_beyond_the_cap_is_no_token(status: int, kind: type[errors.ApiError]):
    """A megabyte of it is refused like any other that no header can carry; a page of a gateway's is what it is."""
    error = too_large(call(kind=Kind.TOKEN, max_bytes=65536), answer(status, b"x" * 2000))

    assert type(error) is kind
    assert error.body == ""


def seconds_until(moment: datetime) -> float:
    return (moment - NOW).total_seconds()


DATE = "Wed, 31 Jan 2024 12:00:00 GMT"
LATER = "Wed, 31 Jan 2024 12:00:30 GMT"


@pytest.mark.fault("R03")
@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2", 2.0),
        (" 2 ", 2.0),
        ("120", 120.0),
        ("121", 121.0),
        ("0", None),
        ("000", None),
        ("007", 7.0),
        ("0000000000050", 50.0),
        ("999999999999", 999999999999.0),
        ("", None),
        (" ", None),
        ("-5", None),
        ("+5", None),
        ("2.5", None),
        ("1e9", None),
        ("inf", None),
        ("Infinity", None),
        ("nan", None),
        ("1_0", None),
        ("0x10", None),
        ("2, 3", None),
        ("2 s", None),
        ("soon", None),
        ("\uff12", None),
        ("\u0662", None),
        ("\u00b2", None),
        (LATER, 30.0),
        (DATE, None),
        ("Wed, 31 Jan 2024 11:59:59 GMT", None),
        ("Thu, 31 Jan 2124 12:00:00 GMT", seconds_until(datetime(2124, 1, 31, 12, tzinfo=UTC))),
        ("Fri, 31 Dec 9999 23:59:59 GMT", seconds_until(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))),
        ("Wed, 31 Jan 2024 12:00:60 GMT", None),
        ("Wed, 31 Foo 2024 12:00:30 GMT", None),
        ("Wed, 32 Jan 2024 12:00:30 GMT", None),
        ("Wed, 31 Jan 2024 24:00:30 GMT", None),
        ("Wed, 31 Jan 2024 12:00:30 -0000", None),
        ("Wed, 31 Jan 2024 12:00:30 +0000", None),
        ("Wed, 31 Jan 2024 12:00:30 -0000 GMT", None),
        ("Wed, 31 Jan 2024 12:00:30 UTC", None),
        ("Wed, 31 Jan 2024 12:00:30", None),
        ("Wed, 31 Jan 99999999999999999999 12:00:30 GMT", None),
        ("Wed, 31 Jan 2024 12:00:3\u0660 GMT", None),
        ("2024-01-31T12:00:30Z", None),
        ("2024-01-31 12:00:30 GMT", None),
        ("Wednesday, 31-Jan-24 12:00:30 GMT", None),
        ("Wed Jan 31 12:00:30 2024 GMT", None),
        ("31 Jan 2024 12:00:30 GMT", None),
        (" , , , GMT", None),
        ("GMT", None),
        ("x" * 10_000 + "GMT", None),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("date", [None, DATE], ids=["no date", "date"])
def test_retry_after_is_ascii_digits_or_an_imf_date(said, seconds, date):
    """A moment that is over, nought and everything else mean nothing; no other exception comes out of it."""
    headers = {"retry-after": said} | ({} if date is None else {"date": date})

    assert retry_after(headers, now=NOW) == seconds


def test_digits_without_end_are_a_long_time():
    """Finite, so that it can be compared and shown; nobody waits for it."""
    assert retry_after({"retry-after": "9" * 5000}, now=NOW) == retry_after({"retry-after": "9" * 13}, now=NOW) == 1e12


@pytest.mark.fault("R03")
def test_no_retry_after_is_none():
    """A date alone asks for nothing."""
    assert retry_after({"date": DATE}, now=NOW) is None


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Wed, 31 Jan 2024 10:00:00 GMT", 7230.0),
        ("Wed, 31 Jan 2024 12:00:29 GMT", 1.0),
        (LATER, None),
        ("Wed, 31 Jan 2024 14:00:00 GMT", None),
        ("garbage", 30.0),
        ("", 30.0),
        ("Wed, 31 Jan 2024 12:00:60 GMT", 30.0),
        ("Wed, 31 Jan 2024 10:00:00 -0000 GMT", 30.0),
        ("Wed, 31 Jan 99999999999999999999 10:00:00 GMT", 30.0),
    ],
)
def test_a_retry_after_date_is_measured_from_the_answers_own_date(date, seconds):
    """A clock that is wrong by two hours on either side changes nothing; without a date our own is taken."""
    assert retry_after({"retry-after": LATER, "date": date}, now=NOW) == seconds


@pytest.mark.parametrize(
    "given",
    [
        answer(429, retry_after="2"),
        answer(503, retry_after="2"),
        answer(200, {"error_code": 2020202020}, retry_after="2"),
    ],
)
def test_the_error_carries_what_was_asked(given):
    """Whatever says so: 429, 503 or the code."""
    assert error_of(given).retry_after == 2.0


def test_a_date_in_an_answer_without_one_is_measured_from_our_own_clock():
    """Nothing better is known."""
    assert error_of(answer(429, retry_after=LATER)).retry_after == 30.0


@pytest.mark.fault("P18")
@pytest.mark.parametrize(
    ("error", "certain"),
    [
        (errors.RateLimitError(status=429), True),
        (errors.RateLimitError(status=503, error_code=2020202020), True),
        (errors.ApiError(status=200), True),
        (errors.NotFoundError(status=200, error_code=704), True),
        (errors.ApiError(status=199), False),
        (errors.ApiError(status=201), False),
        (errors.ApiError(status=302), False),
        (errors.ApiError(status=399), False),
        (errors.BadRequestError(status=400), True),
        (errors.AuthenticationError(status=401), True),
        (errors.PermissionDeniedError(status=403), True),
        (errors.NotFoundError(status=404), True),
        (errors.ApiError(status=407), True),
        (errors.ApiError(status=408), False),
        (errors.ApiError(status=409), False),
        (errors.ApiError(status=410), True),
        (errors.BadRequestError(status=422), True),
        (errors.QuotaError(status=402, error_code=707), True),
        (errors.ApiError(status=499), True),
        (errors.ServerError(status=500), False),
        (errors.QuotaError(status=500, error_code=707), False),
        (errors.ServerError(status=503, retry_after=1.0), False),
        (errors.DecodeError(status=200), False),
        (errors.DecodeError(status=400), False),
        (errors.ResponseTooLargeError(status=200), False),
        (errors.TransportError(), False),
        (errors.ProtocolError(), False),
        (errors.RequestTimeoutError(), False),
        (errors.RequestTimeoutError(delivery=Delivery.NOT_SENT), True),
        (errors.ConnectionFailedError(), True),
        (errors.ConnectionFailedError(delivery=Delivery.UNKNOWN), False),
        (errors.DeadlineExceededError(), True),
        (errors.DeadlineExceededError(delivery=Delivery.UNKNOWN), False),
        (errors.DeadlineExceededError(delivery=Delivery.ANSWERED), False),
        (errors.SessionClosedError(), True),
        (errors.SessionClosedError(delivery=Delivery.UNKNOWN), False),
        (errors.ValidationError(), True),
        (errors.ServerError(status=502, delivery=Delivery.NOT_SENT), True),
        (errors.DecodeError(status=200, delivery=Delivery.NOT_SENT), True),
        (errors.ApiError(status=302, delivery=Delivery.NOT_SENT), True),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {getattr(value, 'status', '')}" if isinstance(value, Exception) else value
    ),
)
def test_what_proves_that_nothing_was_created(error, certain):
    """A clear no, or a request that never left: also when what failed was the call for its token. Nothing else."""
    assert is_certain_refusal(error) is certain


YES = {"result": True, "data": {"task_id": 7}}
NOES = (
    {"error_code": 1},
    {"error_code": 708},
    {"error_code": 401},
    {"error_code": 2020202020},
    {"is_error": True},
    {"success": False},
    {"error": "x", "error_description": "y"},
)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((200, YES | no) for no in NOES),
        (200, {"result": False, "data": {"task_id": 7}}),
        (200, {"result": True, "error_code": 708}),
        *((status, YES) for status in (300, 400, 401, 403, 404, 422, 429)),
        (400, {"data": {"task_id": "7"}}),
    ],
)
@pytest.mark.fault("P17", "P18")
def test_a_create_that_is_answered_yes_and_no_at_once_is_not_refused(status: int, body: object):
    """Whoever sent it again on such a no would send it twice; a blacklist write may be."""
    created = error_of(answer(status, body), call(Kind.CREATE))
    written = error_of(answer(status, body), call(Kind.BLACKLIST_WRITE))

    assert (type(created), created.delivery, is_certain_refusal(created)) == (
        errors.DecodeError,
        Delivery.ANSWERED,
        False,
    )
    assert str(created).endswith(" with a body that cannot be read: it says yes and no at once")
    assert type(written) is not errors.DecodeError


@pytest.mark.parametrize("status", [200, 201, 299])
def test_a_create_that_is_answered_yes_is_no_error(status: int):
    """By any success."""
    assert read(answer(status, YES), call(Kind.CREATE)) == YES


@pytest.mark.parametrize("body", [{"result": False, "data": {"task_id": None}}, {"error_code": 708, "data": []}])
def test_a_plain_no_to_a_create_is_one(body: object):
    """An id that is none says nothing."""

    assert is_certain_refusal(error_of(answer(200, body), call(Kind.CREATE)))


@pytest.mark.parametrize("code", [401, 2020202020])
@pytest.mark.parametrize("status", [408, 409])
def test_a_status_that_leaves_open_what_was_done_is_not_made_a_no_by_a_code(status: int, code: int):
    """By these two codes a create would be sent again."""
    told = error_of(answer(status, {"error_code": code}), call(Kind.CREATE))

    assert (type(told), is_certain_refusal(told)) == (errors.ApiError, False)


def test_a_create_that_may_have_been_carried_out_is_not_advised_to_be_tried_again():
    """The last words that a person on call reads must not cost money."""
    asked = call(Kind.CREATE, method="POST", path="/viber")
    with pytest.raises(errors.ServerError) as caught:
        answers.read(asked, answer(503), converter=CONVERTER, now=NOW)

    assert str(caught.value) == "POST /viber was answered 503"


def test_a_token_call_that_finds_nothing_went_to_the_wrong_address():
    """Nothing of the account's is missing, so it is not a NotFoundError that a caller may be waiting for."""
    with pytest.raises(errors.ApiError) as caught:
        answers.read(TOKEN_CALL, answer(404), converter=CONVERTER, now=NOW)

    assert type(caught.value) is errors.ApiError
    assert str(caught.value).endswith("404. To do: check base_url")
