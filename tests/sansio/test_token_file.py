"""What stands in a file of tokens, and what is not believed to be one."""

from __future__ import annotations

import json

import pytest

from viber_async._sansio import token_file
from viber_async._sansio.call import Unreadable
from viber_async._sansio.token_file import FORMAT, LARGEST, read, written
from viber_async._sansio.tokens import StoredToken

NOW = 1_000_000.0
ONE = StoredToken(value="token-1", expires_at=NOW + 100, lifetime=3600)
OTHER = StoredToken(value="token-2", expires_at=NOW + 200)
ENTRY = {"token": "token-1", "expires_at": 1_000_100, "lifetime": 3600}


def file_of(**accounts) -> bytes:
    return json.dumps({FORMAT: 1, "accounts": accounts}).encode()


def test_what_was_written_is_read():
    """By account, with a life or without."""
    assert read(written({"a": ONE, "b": OTHER}, now=NOW), now=NOW) == {"a": ONE, "b": OTHER}


def test_fractions_of_a_second_are_given_away():
    """A token never ends later in the file than in truth."""
    kept = StoredToken(value="t", expires_at=NOW + 100.9, lifetime=3600.9)

    assert read(written({"a": kept}, now=NOW), now=NOW) == {
        "a": StoredToken(value="t", expires_at=NOW + 100, lifetime=3600)
    }


@pytest.mark.parametrize(("now", "kept"), [(NOW + 99, {"a", "b"}), (NOW + 100, {"b"}), (NOW + 200, set())])
def test_tokens_that_are_over_are_not_written_again(now, kept):
    """So the file does not grow with accounts that nobody uses any more."""
    assert set(read(written({"a": ONE, "b": OTHER}, now=now), now=now)) == kept


def test_nothing_stands_in_it_but_tokens_by_account():
    """No secret, no id, no address."""
    assert json.loads(written({"a": ONE}, now=NOW)) == {"viber_async tokens": 1, "accounts": {"a": ENTRY}}


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "token-1",
        [ENTRY],
        {},
        ENTRY | {"token": 5},
        ENTRY | {"token": ""},
        ENTRY | {"token": "a\r\nb"},
        ENTRY | {"token": "x" * 4097},
        ENTRY | {"expires_at": "soon"},
        ENTRY | {"expires_at": 1.5},
        ENTRY | {"expires_at": True},
        ENTRY | {"expires_at": -1},
        ENTRY | {"expires_at": 10**15},
        ENTRY | {"lifetime": "3600"},
        ENTRY | {"lifetime": 0},
        ENTRY | {"lifetime": True},
        ENTRY | {"lifetime": 10**9},
        {"token": "t", "expires_at": 1_000_100},
    ],
    ids=lambda entry: repr(entry)[:40],
)
def test_an_entry_that_can_be_no_token_is_left_out(entry):
    """And the others are read."""
    assert read(file_of(a=entry, b=ENTRY), now=NOW) == {"b": ONE}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"token-1",
        b"\x00" * 100,
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        file_of(a=ENTRY)[:-1],
        file_of(a=ENTRY) + b"}",
        b'{"viber_async tokens": 2, "accounts": {}}',
        b'{"viber_async tokens": "1", "accounts": {}}',
        b'{"viber_async tokens": 1}',
        b'{"viber_async tokens": 1, "accounts": []}',
        b'{"viber_async tokens": 1, "accounts": {"a": {}, "a": {}}}',
        b"[" * 100_000,
        b" " * (LARGEST + 1),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_file_of_tokens_cannot_be_read(body):
    """Torn, foreign, of another version, or a bomb: it is told without what stands in it."""
    with pytest.raises(Unreadable) as caught:
        read(body, now=NOW)

    assert "token-1" not in str(caught.value)


OF_ANOTHER = "it is no file of tokens of this version"


@pytest.mark.parametrize(
    ("body", "where", "why"),
    [
        (file_of().ljust(LARGEST + 1), "", "it is too large"),
        (b"[]", "", OF_ANOTHER),
        (b"{}", "", OF_ANOTHER),
        (b'{"viber_async tokens": 2, "accounts": {}}', "", OF_ANOTHER),
        (b'{"viber_async tokens": 1}', "accounts", "an object was expected"),
        (b'{"viber_async tokens": 1, "accounts": []}', "accounts", "an object was expected"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_none_says_why(body, where, why):
    """And where in it."""
    with pytest.raises(Unreadable) as caught:
        read(body, now=NOW)

    assert (caught.value.where, caught.value.why) == (where, why)


def test_the_largest_file_is_read():
    """To the byte."""

    assert read(file_of(a=ENTRY).ljust(LARGEST), now=NOW) == {"a": ONE}


def test_a_thousand_accounts_with_the_longest_tokens_fit():
    """Beyond that, a file is not read."""
    many = {f"{n:032}": StoredToken(value="x" * 4096, expires_at=NOW + 1, lifetime=1) for n in range(1000)}

    assert len(read(written(many, now=NOW), now=NOW)) == 1000
    assert token_file.LARGEST == 4 * 1024 * 1024
