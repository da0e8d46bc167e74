"""Spans and metrics of OpenTelemetry for a session (extra ``otel``): what it does, how long, and how it ends.

What is exported is made of words that stand in this file, of names of error classes, of numbers that we counted, and of
the attributes that you give: a path is one of ten templates or is left out, a code of the provider's is one that is
known. So no phone, no token and no text can get into it; nor do the words of exceptions, so none is recorded.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from attrs import frozen
from opentelemetry import context as contexts
from opentelemetry import metrics, trace
from opentelemetry.metrics import Observation
from opentelemetry.trace import INVALID_SPAN, SpanKind, StatusCode

from viber_async._sansio.answer import BY_CODE, is_certain_refusal
from viber_async._sansio.call import Kind
from viber_async._session import Viewpoint
from viber_async._version import __version__
from viber_async.errors import ApiError, DeadlineExceededError, Delivery, RateLimitError, ViberError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from viber_async._journey import Journey
    from viber_async._sansio.answer import Answer
    from viber_async._sansio.call import Call
    from viber_async._session import SessionStatistics, ViberSession
    from viber_async._watch import Send, Watch

    Plain = str | int | float
    Labels = Mapping[str, Plain]

S = TypeVar("S", bound="ViberSession")

__all__ = ["instrument"]

logger: Final = logging.getLogger("viber_async")

SCOPE: Final = "viber_async"
SCHEMA: Final = "https://opentelemetry.io/schemas/1.27.0"
"""The conventions by whose names this file calls things."""

_BLACKLIST: Final = "/v2/viber-service/phone-exception"
CALLS: Final[Mapping[tuple[str, str], str]] = {
    ("POST", "/oauth/access_token"): "token",
    ("POST", "/viber"): "campaigns.create",
    ("GET", "/viber/task"): "campaigns.list",
    ("GET", "/viber/task/{id}"): "campaigns.get",
    ("GET", "/viber/task/{id}/recipients"): "campaigns.recipients",
    ("GET", "/viber/senders"): "senders.list",
    ("GET", "/viber/senders/{id}"): "senders.get",
    ("GET", _BLACKLIST): "blacklist.list",
    ("POST", _BLACKLIST): "blacklist.add",
    ("DELETE", _BLACKLIST): "blacklist.remove",
}
"""All paths that are ever shown, and what the calls behind them are called."""
OTHER: Final = "request"
"""What everything else is called, which `session.request` may have been asked for; its path is not shown."""

DURATIONS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Bounds in seconds, as the conventions advise for requests."""
WAITS: Final = (0.005, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 150)
"""Bounds in seconds, for what has a deadline of 60 or 150."""

_ID: Final = re.compile(r"/[0-9]+(?=/|$)")
_NO_HTTP_BELOW: Final[str] = contexts._SUPPRESS_HTTP_INSTRUMENTATION_KEY  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
"""Private by its name, and what instrumentations of HTTP libraries look for all the same."""


def instrument(
    session: S,
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    attributes: Labels | None = None,
) -> S:
    """Give *session*, which from now on tells OpenTelemetry what it does; its views do too.

    ```python
    from viber_async.integrations.otel import instrument

    async with instrument(ViberSession.from_env()) as session:
        await session.senders.list()
    ```

    A call is an internal span below the caller's current one, each request that left for it a client span below that.
    Nothing is sent to the provider for it: no ``traceparent``.

    Args:
        session: one that was not instrumented before, open or not.
        tracer_provider: by default the global one.
        meter_provider: by default the global one.
        attributes: what to put on each span and measurement of this session, such as ``{"account": "shop"}``. They are
            exported as you give them.

    Raises:
        ConfigurationError: the session is instrumented already.

    """
    tracer = trace.get_tracer(SCOPE, __version__, tracer_provider, SCHEMA)
    meter = metrics.get_meter(SCOPE, __version__, meter_provider, SCHEMA)
    labels = dict(attributes or {})
    viewpoint = Viewpoint(session, lambda base_url: Telemetry(tracer, Instruments.of(meter), labels, base_url).watch)
    _watched_by(meter_provider, meter).add(labels, viewpoint)
    return session


@frozen
class Instruments:
    """What is counted and measured."""

    requests: metrics.Histogram
    calls: metrics.Histogram
    waits: metrics.Histogram
    repeats: metrics.Counter
    throttled: metrics.Counter
    refreshes: metrics.Counter
    unknown: metrics.Counter

    @classmethod
    def of(cls, meter: Meter) -> Instruments:
        """Give those of *meter*, which has each of them once."""
        return cls(
            requests=meter.create_histogram(
                "http.client.request.duration",
                unit="s",
                description="Duration of HTTP client requests, from the turn in the rate limit on.",
                explicit_bucket_boundaries_advisory=DURATIONS,
            ),
            calls=meter.create_histogram(
                "viber.client.call.duration",
                unit="s",
                description="Duration of calls with all their waits and attempts.",
                explicit_bucket_boundaries_advisory=WAITS,
            ),
            waits=meter.create_histogram(
                "viber.client.rate_limit.wait",
                unit="s",
                description="Seconds that attempts waited for their turns.",
                explicit_bucket_boundaries_advisory=WAITS,
            ),
            repeats=meter.create_counter(
                "viber.client.repeats", unit="{request}", description="Requests that repeated one before them."
            ),
            throttled=meter.create_counter(
                "viber.client.throttled", unit="{answer}", description="Answers that said: too many requests."
            ),
            refreshes=meter.create_counter(
                "viber.client.token.refreshes", unit="{token}", description="Tokens that were asked for and given."
            ),
            unknown=meter.create_counter(
                "viber.client.unknown_outcomes",
                unit="{call}",
                description="Calls that ended without anybody knowing whether they were carried out.",
            ),
        )


class Telemetry:
    """What tells OpenTelemetry of the calls of one session."""

    def __init__(self, tracer: Tracer, instruments: Instruments, attributes: Labels, base_url: str) -> None:
        self.tracer = tracer
        self.instruments = instruments
        self.attributes = attributes
        self.base_url = base_url
        address = urlsplit(base_url)
        port = address.port or (443 if address.scheme == "https" else 80)
        self.server: Labels = {"server.address": address.hostname or "", "server.port": port}

    def watch(self, journey: Journey) -> Watch:
        """Give the watch of a call."""
        return CallWatch(self, journey)


class CallWatch:
    """Tells of one call."""

    def __init__(self, telemetry: Telemetry, journey: Journey) -> None:
        self._telemetry = telemetry
        self._journey = journey
        self._name, self._template = name_of(journey.call)
        self._span: Span = INVALID_SPAN
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    def began(self) -> None:
        """Start the call's span and make it the current one of its task, which ends with the call."""
        with _harmless():
            attributes = {**self._telemetry.attributes, "viber.call": self._name}
            attributes["viber.lane"] = self._journey.options.lane
            self._span = self._telemetry.tracer.start_span(f"viber.{self._name}", attributes=attributes)
            contexts.attach(trace.set_span_in_context(self._span))

    async def attempt(self, send: Send) -> Answer:
        """Tell of an attempt afterwards, as it may wait for long before it is a request, or never become one."""
        began = self._clock()
        token = contexts.attach(contexts.set_value(_NO_HTTP_BELOW, value=True))
        try:
            answer = await send()
        except BaseException as error:
            self._tell_attempt(began, None, error)
            raise
        finally:
            contexts.detach(token)
        self._tell_attempt(began, answer, None)
        return answer

    def _tell_attempt(self, began: float, answer: Answer | None, error: BaseException | None) -> None:
        flight, told = self._journey.flight, self._telemetry.instruments
        with _harmless():
            told.waits.record(flight.waited, {**self._telemetry.attributes, "viber.lane": flight.lane})
            if not flight.entered:
                return
            self._tell_request(max(0.0, self._clock() - began - flight.waited), answer, error)
            if self._journey.attempts > 1:
                told.repeats.add(1, self._labels)

    def _tell_request(self, seconds: float, answer: Answer | None, error: BaseException | None) -> None:
        labels = self._request_labels(answer, error)
        now = time.time_ns()
        span = self._telemetry.tracer.start_span(
            " ".join(filter(None, (self._journey.call.method, self._template))),
            kind=SpanKind.CLIENT,
            attributes=labels | self._request_details(),
            start_time=now - int(seconds * 1e9),
        )
        if self._is_failure(error) if answer is None else answer.status >= 400:
            span.set_status(StatusCode.ERROR)
        span.end(now)
        self._telemetry.instruments.requests.record(seconds, labels, trace.set_span_in_context(span))

    def _request_labels(self, answer: Answer | None, error: BaseException | None) -> dict[str, Plain]:
        """Give what requests are told apart by."""
        labels: dict[str, Plain] = {**self._telemetry.attributes, **self._telemetry.server}
        labels["http.request.method"] = self._journey.call.method
        if self._template:
            labels["url.template"] = self._template
        if answer is not None:
            labels["http.response.status_code"] = answer.status
            if answer.status >= 400:
                labels["error.type"] = str(answer.status)
        if error is not None:
            labels["error.type"] = self._kind_of(error)
        return labels

    def _request_details(self) -> dict[str, Plain]:
        details: dict[str, Plain] = {
            "url.full": self._telemetry.base_url + (self._template or "/REDACTED"),
            "viber.rate_limit.wait": self._journey.flight.waited,
        }
        if self._journey.attempts > 1:
            details["http.request.resend_count"] = self._journey.attempts - 1
        return details

    def failed(self, error: ViberError, pause: float | None) -> None:
        """Tell of the pause before a repetition, and of a refusal for too many requests."""
        with _harmless():
            if isinstance(error, RateLimitError):
                self._telemetry.instruments.throttled.add(1, self._labels)
            if pause is not None:
                self._span.add_event("viber.repeat", {"viber.pause": pause, **self._words_for(error)})

    def ended(self, error: BaseException | None) -> None:
        """Tell how the call ended."""
        with _harmless():
            told, labels = self._telemetry.instruments, self._labels
            if error is not None:
                labels |= self._words_for(error)
            told.calls.record(self._clock() - self._began, labels)
            if error is None and self._journey.call.kind is Kind.TOKEN:
                told.refreshes.add(1, self._telemetry.attributes)
            if is_unknown(self._journey.call.kind, error):
                told.unknown.add(1, self._labels)
            self._end_span(error)

    def _end_span(self, error: BaseException | None) -> None:
        span, journey = self._span, self._journey
        span.set_attribute("viber.attempts", journey.attempts)
        span.set_attribute("viber.rate_limit.wait", journey.waited)
        if journey.abandoned:
            span.set_attribute("viber.abandoned", value=True)
        if error is not None:
            span.set_attributes(self._words_for(error))
            delivery = error.delivery if isinstance(error, ViberError) else journey.delivery
            span.set_attribute("viber.delivery", delivery.value)
        if self._is_failure(error):
            span.set_status(StatusCode.ERROR)
        span.end()

    @property
    def _labels(self) -> dict[str, Plain]:
        """Give what calls are told apart by."""
        return {**self._telemetry.attributes, "viber.call": self._name, "viber.lane": self._journey.options.lane}

    def _words_for(self, error: BaseException) -> dict[str, Plain]:
        words: dict[str, Plain] = {"error.type": self._kind_of(error)}
        if isinstance(error, ApiError) and error.error_code in BY_CODE:  # any other may be a phone that was echoed
            words["viber.error_code"] = error.error_code
        return words

    def _is_failure(self, error: BaseException | None) -> bool:
        """Tell whether *error* is one: being cancelled by the caller is none."""
        return isinstance(error, Exception) or (error is not None and self._journey.expired)

    def _kind_of(self, error: BaseException) -> str:
        """Give the name of *error*'s class; what a deadline cancels ends by its deadline."""
        is_late = isinstance(error, asyncio.CancelledError) and self._journey.expired
        kind = DeadlineExceededError if is_late else type(error)
        return f"{kind.__module__}.{kind.__qualname__}"


def name_of(call: Call[object]) -> tuple[str, str]:
    """Give the name of *call* and the template of its path; "" where that may be anything."""
    template = _ID.sub("/{id}", call.path)
    name = CALLS.get((call.method, template))
    return (OTHER, "") if name is None else (name, template)


def is_unknown(kind: Kind, error: BaseException | None) -> bool:
    """Tell whether *error* leaves open that something was carried out: one that is asked for again tells nothing."""
    if kind is Kind.READ or kind is Kind.TOKEN or not isinstance(error, ViberError):
        return False
    return not is_certain_refusal(error) if kind is Kind.CREATE else error.delivery is Delivery.UNKNOWN


@frozen(kw_only=True)
class Gauge:
    """A figure of this moment, out of the statistics of sessions."""

    name: str
    unit: str
    description: str
    figures: Callable[[SessionStatistics], Iterable[tuple[float, Labels]]]
    of_the_limiter: bool = True
    """It is counted once for sessions that share one."""
    adds_up: bool = True
    """Of several sessions the sum is given, and else the largest."""


GAUGES: Final = (
    Gauge(
        name="viber.client.requests.in_flight",
        unit="{request}",
        description="Requests under way or waiting for their turn.",
        figures=lambda now: [(now.in_flight, {})],
        of_the_limiter=False,
    ),
    Gauge(
        name="viber.client.queue.waiting",
        unit="{call}",
        description="Callers that wait for their turn, by lane.",
        figures=lambda now: [(waiting, {"viber.lane": lane}) for lane, waiting in now.rate.waiting.items()],
    ),
    Gauge(
        name="viber.client.queue.oldest_wait",
        unit="s",
        description="How long the one has waited who has waited longest.",
        figures=lambda now: [(now.rate.oldest_wait, {})],
        adds_up=False,
    ),
    Gauge(
        name="viber.client.rate_limit.rate",
        unit="{request}/s",
        description="Requests a second that may leave at most, by who keeps the limit.",
        figures=lambda now: [(now.rate.rate / now.rate.limit.per, {"viber.rate_limit.kept_by": now.rate.kept_by})],
    ),
    Gauge(
        name="viber.client.rate_limit.paused",
        unit="s",
        description="How long nothing will leave, as the provider said that it was too much.",
        figures=lambda now: [(now.rate.paused_for, {})],
        adds_up=False,
    ),
)


class Watched:
    """The open sessions of one meter, whose figures are read when they are collected."""

    def __init__(self, meter: Meter) -> None:
        self._sessions: list[tuple[Labels, Viewpoint]] = []
        self._adding = Lock()
        for gauge in GAUGES:
            make = meter.create_observable_up_down_counter if gauge.adds_up else meter.create_observable_gauge
            make(gauge.name, [partial(self.read, gauge)], unit=gauge.unit, description=gauge.description)

    def add(self, attributes: Labels, viewpoint: Viewpoint) -> None:
        """Read the figures of one more session, until it is closed."""
        with self._adding:
            still = [each for each in self._sessions if each[1].look() is not None]
            self._sessions = [*still, (attributes, viewpoint)]

    def read(self, gauge: Gauge, _: CallbackOptions) -> list[Observation]:
        """Give *gauge* for each set of attributes."""
        figures: dict[frozenset[tuple[str, Plain]], list[float]] = {}
        limiters = set[int]()
        for attributes, viewpoint in self._sessions:
            seen = viewpoint.look()
            if seen is None or (gauge.of_the_limiter and id(seen[0]) in limiters):
                continue
            limiters.add(id(seen[0]))
            for figure, labels in gauge.figures(seen[1]):
                figures.setdefault(frozenset({**attributes, **labels}.items()), []).append(figure)
        together = sum if gauge.adds_up else max
        return [Observation(together(several), dict(labels)) for labels, several in figures.items()]


class _Global:
    """The global provider, whether it was set already or will be."""


_GLOBAL: Final = _Global()
_watched: Final[WeakKeyDictionary[MeterProvider | _Global, Watched]] = WeakKeyDictionary()


def _watched_by(provider: MeterProvider | None, meter: Meter) -> Watched:
    """Give the one place where *meter* reads its figures: a second one would not be asked."""
    now_global = metrics.get_meter_provider()
    key: MeterProvider | _Global = now_global if provider is None else provider
    if key is now_global and key not in _watched:
        key = _GLOBAL
    if key not in _watched:
        _watched[key] = Watched(meter)
    return _watched[key]


@contextmanager
def _harmless() -> Generator[None]:
    """Keep what goes wrong with telemetry away from the call, whose answer may be here already."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - an exporter or a processor may raise anything
        logger.warning("telling OpenTelemetry of a call failed: %s", type(error).__name__)
