"""Phones in the national spelling of one country, for those who say which: extra ``phones``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from viber_async._sansio.phones import digits_as_written, phone
from viber_async._sansio.privacy import refused
from viber_async.errors import ConfigurationError

if TYPE_CHECKING:
    import phonenumbers

    from viber_async._sansio.wanted import ReadPhone

MISSING = 'the option region needs phonenumbers, which is not installed: pip install "viber-async[phones]"'


def reader_for(region: str) -> ReadPhone:
    """Give what reads a phone as people in *region* write it, such as ``"UA"``.

    A phone with its plus is read as ever. Anything else is the national number that the ``phonenumbers`` library
    knows to be valid in the region; failing that, a number with its country code and without its plus, if its length
    is possible in that country.

    Raises:
        ConfigurationError: the library is not installed.
        ValidationError: there is no such region.

    """
    try:
        import phonenumbers  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise ConfigurationError(MISSING) from error
    if type(region) is not str or region not in phonenumbers.SUPPORTED_REGIONS:
        raise refused("region", region, 'a country by its two capital letters, as in "UA"')
    return partial(_read, region)


def _read(region: str, value: object, field: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return phone(value, field)  # which refuses it
    written = digits_as_written(str(value), field)
    if written.startswith("+"):
        return phone(value, field)
    if (digits := _national(written, region)) or (digits := _foreign(written, value, field)):
        return digits
    raise refused(field, str(value), f"neither a phone as it is written in {region} nor one with its country code")


def _national(written: str, region: str) -> str | None:
    import phonenumbers  # noqa: PLC0415 - an extra

    found = _parsed(written, region)
    if found is None or not phonenumbers.is_valid_number_for_region(found, region):
        return None
    return f"{found.country_code}{phonenumbers.national_significant_number(found)}"


def _foreign(written: str, value: object, field: str) -> str | None:
    import phonenumbers  # noqa: PLC0415 - an extra

    if written.removeprefix("00").startswith("0"):
        return None
    digits = phone(value, field)
    found = _parsed(f"+{digits}", None)
    return digits if found is not None and phonenumbers.is_possible_number(found) else None


def _parsed(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    import phonenumbers  # noqa: PLC0415 - an extra

    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
