"""What OpenTelemetry is told: every call, each request that left for it, and nothing that is anybody's."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from attrs import define, field
from opentelemetry import context as contexts
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from tests.naming import spelled
from tests.shell.canary import Canary
from tests.shell.clock import in_virtual_time
from tests.shell.ledger import MemoryLedger
from tests.shell.provider import THROTTLED, Provider, no, ok
from tests.shell.sessions import CREDENTIALS, URL, session_over
from tests.shell.test_leaks import CALLS as LEAKY
from tests.shell.test_leaks import ENDINGS, FAILURES, SOME, Echoing, forever, is_token_or_list, nothing
from viber_async import (
    ClientCredentials,
    ConfigurationError,
    DeadlineExceededError,
    PacedLimiter,
    QueueFullError,
    RateLimit,
    ViberError,
    ViberSession,
)
from viber_async.integrations.otel import CALLS, instrument
from viber_async.sandbox._calls import CALLS as OF_THE_PROVIDER

SENDERS = ok([])
CREATED = ok({"result": True, "data": {"task_id": 7}})
DRAFT: dict[str, Any] = {"sender_id": 1, "message_live_time": 60, "message": "hi", "recipients": [380931111111]}
MINE = {"account": "shop"}

Labels = dict[str, Any]


@define
class Telemetry:
    """What was exported."""

    spans_: InMemorySpanExporter = field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(factory=InMemoryMetricReader)
    tracers: TracerProvider = field(factory=TracerProvider)
    meters: MeterProvider = field(init=False)
    sessions: list[ViberSession] = field(factory=list)
    names: set[str] = field(factory=set)
    """Of all attributes that were looked at."""

    def __attrs_post_init__(self) -> None:
        self.meters = MeterProvider([self.reader])
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans_))

    def of(self, session: ViberSession, **settings: Any) -> ViberSession:
        told = instrument(session, tracer_provider=self.tracers, meter_provider=self.meters, **settings)
        self.sessions.append(told)
        return told

    async def aclose(self) -> None:
        for session in self.sessions:
            await session.aclose()

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in the order in which they did."""
        return list(self.spans_.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def metrics(self) -> dict[str, list[tuple[Labels, float]]]:
        """By name: of each set of attributes the value, of a histogram the sum."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: [_point(point) for point in metric.data.data_points]
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def _point(point: Any) -> tuple[Labels, float]:
    return dict(point.attributes), point.sum if hasattr(point, "sum") else point.value


@pytest.fixture
def told() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.tracers.shutdown()
    telemetry.meters.shutdown()


def with_sessions(test: Any) -> Any:
    """Run an async test in virtual time, and close what it had watched."""

    @functools.wraps(test)
    async def closing(*args: Any, told: Telemetry, **kwargs: Any) -> None:
        try:
            await test(*args, told=told, **kwargs)
        finally:
            await told.aclose()

    return in_virtual_time(closing)


def seconds(span: ReadableSpan) -> float:
    assert span.end_time is not None
    assert span.start_time is not None
    return (span.end_time - span.start_time) / 1e9


@with_sessions
async def test_a_call_is_a_span_below_the_callers_and_its_request_one_below_that(told: Telemetry) -> None:
    """Although the call runs in a task of the session's."""
    session, _ = session_over(ok({"id": 7}))
    told.of(session, attributes=MINE)
    with told.tracers.get_tracer("mine").start_as_current_span("mine"), pytest.raises(ViberError):
        await session.campaigns.get(7)
    request, call, mine = told.spans

    assert call.parent == mine.context
    assert request.parent == call.context
    assert (call.name, call.kind) == ("viber.campaigns.get", SpanKind.INTERNAL)
    assert (request.name, request.kind) == ("GET /viber/task/{id}", SpanKind.CLIENT)
    assert request.status.status_code is StatusCode.UNSET
    assert dict(request.attributes or {}) == {
        "account": "shop",
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "server.port": 1,
        "url.full": "http://127.0.0.1:1/viber/task/{id}",
        "url.template": "/viber/task/{id}",
        "viber.rate_limit.wait": 0.0,
    }


@with_sessions
async def test_the_span_of_a_call_says_how_it_came_about(told: Telemetry) -> None:
    """Its lane, its attempts, its waits; and nothing of an error where there was none."""
    session, _ = session_over(SENDERS)
    await told.of(session).with_options(lane="bulk").senders.list()
    call = told.named("viber.senders.list")[0]

    assert call.status.status_code is StatusCode.UNSET
    assert dict(call.attributes or {}) == {
        "viber.call": "senders.list",
        "viber.lane": "bulk",
        "viber.attempts": 1,
        "viber.rate_limit.wait": 0.0,
    }


def test_every_call_of_the_providers_has_a_name() -> None:
    """The same as in the sandbox, which knows them from another source."""

    assert {(c.method, c.path): c.name for c in OF_THE_PROVIDER if c.name != "unknown"} == CALLS


@pytest.mark.parametrize(
    ("base_url", "server"),
    [
        ("https://api.sendpulse.com", ("api.sendpulse.com", 443)),
        ("http://127.0.0.1", ("127.0.0.1", 80)),
        ("http://[::1]:8080", ("::1", 8080)),
    ],
)
@with_sessions
async def test_the_server_is_named_with_its_port(base_url: str, server: tuple[str, int], told: Telemetry) -> None:
    """Also where the address leaves it out."""
    session, _ = session_over(SENDERS, base_url=base_url)
    await told.of(session).senders.list()
    attributes = told.spans[0].attributes or {}

    assert (attributes["server.address"], attributes["server.port"]) == server


@with_sessions
async def test_a_repetition_is_a_span_of_its_own_after_a_pause(told: Telemetry) -> None:
    """The pause is an event of the call's."""
    session, _ = session_over(no(503), SENDERS, retries=1)
    await told.of(session).senders.list()
    first, second, call = told.spans
    paused = call.events[0]

    assert (first.status.status_code, second.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert (first.attributes or {})["error.type"] == "503"
    assert "http.request.resend_count" not in (first.attributes or {})
    assert (second.attributes or {})["http.request.resend_count"] == 1
    assert (call.attributes or {})["viber.attempts"] == 2
    assert paused.name == "viber.repeat"
    assert set(paused.attributes or {}) == {"viber.pause", "error.type"}
    assert (paused.attributes or {})["error.type"] == "viber_async.errors.ServerError"
    assert float(str((paused.attributes or {})["viber.pause"])) > 0
    assert told.metrics()["viber.client.repeats"] == [({"viber.call": "senders.list", "viber.lane": "interactive"}, 1)]


@with_sessions
async def test_the_call_for_a_token_is_a_span_below_the_call_that_needed_it(told: Telemetry) -> None:
    """So that one sees what took so long."""
    session, _ = session_over(SENDERS, credentials=CREDENTIALS)
    await told.of(session, attributes=MINE).senders.list()
    _, token, _, call = told.spans

    assert (token.name, call.name) == ("viber.token", "viber.senders.list")
    assert token.parent == call.context
    assert told.metrics()["viber.client.token.refreshes"] == [(MINE, 1)]


@with_sessions
async def test_a_token_that_was_not_given_is_no_refresh(told: Telemetry) -> None:
    """And the call ends with that error, with nothing sent of its own."""
    session, _ = session_over(SENDERS, credentials=CREDENTIALS, provider=Provider(SENDERS, token=no(401)))
    with pytest.raises(ViberError):
        await told.of(session).senders.list()
    call = told.named("viber.senders.list")[0].attributes or {}

    assert call["error.type"] == "viber_async.errors.AuthenticationError"
    assert call["viber.delivery"] == "not_sent"
    assert "viber.client.token.refreshes" not in told.metrics()


@with_sessions
async def test_a_request_begins_when_its_turn_has_come(told: Telemetry) -> None:
    """The wait is the account's, and not the provider's slowness."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(2)
        return SENDERS

    session, _ = session_over(slow, rate_limit=RateLimit(1, per=10.0))
    told.of(session)
    await asyncio.gather(session.senders.list(), session.senders.list())
    first, second = told.named("GET /viber/senders")
    waited = float(str((second.attributes or {})["viber.rate_limit.wait"]))
    metrics = told.metrics()

    assert (seconds(first), seconds(second)) == (pytest.approx(2), pytest.approx(2))
    assert waited > 10
    assert (told.named("viber.senders.list")[1].attributes or {})["viber.rate_limit.wait"] == pytest.approx(waited)
    assert metrics["viber.client.rate_limit.wait"] == [({"viber.lane": "interactive"}, pytest.approx(waited))]
    assert metrics["http.client.request.duration"][0][1] == pytest.approx(4)
    assert metrics["viber.client.call.duration"][0][1] == pytest.approx(4 + waited)


@with_sessions
async def test_a_call_that_never_got_its_turn_has_no_request(told: Telemetry) -> None:
    """It ended while it waited, and says for how long."""
    session, _ = session_over(SENDERS, rate_limit=RateLimit(1, per=10.0))
    told.of(session)
    await session.senders.list()
    with pytest.raises(DeadlineExceededError, match=r"waited for turns: 3\.0"):
        await session.with_options(deadline=3).senders.list()
    late = told.spans[-1]

    assert len(told.named("GET /viber/senders")) == 1
    assert late.status.status_code is StatusCode.ERROR
    assert (late.attributes or {})["error.type"] == "viber_async.errors.DeadlineExceededError"
    assert (late.attributes or {})["viber.rate_limit.wait"] == pytest.approx(3)


@with_sessions
async def test_a_request_that_a_deadline_ends_says_so(told: Telemetry) -> None:
    """And not that somebody cancelled it."""
    session, _ = session_over(forever, deadline=3)
    with pytest.raises(DeadlineExceededError):
        await told.of(session).senders.list()
    request, call = told.spans

    assert (request.attributes or {})["error.type"] == "viber_async.errors.DeadlineExceededError"
    assert (call.attributes or {})["viber.delivery"] == "unknown"
    assert request.status.status_code is StatusCode.ERROR


@with_sessions
async def test_a_create_whose_caller_has_left_tells_what_became_of_it(told: Telemetry) -> None:
    """It goes on, and so does its span."""

    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(20)
        return CREATED

    session, _ = session_over(slow)
    told.of(session)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(session.campaigns.create(**DRAFT), 1)
    before = told.spans
    await asyncio.sleep(20)
    request, call = told.spans

    assert before == []
    assert (request.attributes or {})["http.response.status_code"] == 200
    assert (call.attributes or {})["viber.abandoned"] is True
    assert call.status.status_code is StatusCode.UNSET
    assert seconds(request) == pytest.approx(20)


@with_sessions
async def test_a_call_that_was_cancelled_in_time_is_no_failure(told: Telemetry) -> None:
    """It says that it was cancelled, and that nothing was sent."""
    session, _ = session_over(SENDERS, rate_limit=RateLimit(1, per=10.0))
    told.of(session)
    await session.senders.list()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(session.senders.list(), 1)
    await asyncio.sleep(0)
    cancelled = told.spans[-1]

    assert cancelled.status.status_code is StatusCode.UNSET
    assert (cancelled.attributes or {})["error.type"] == "asyncio.exceptions.CancelledError"
    assert (cancelled.attributes or {})["viber.delivery"] == "not_sent"


CUT = httpx.ReadError("cut")


@pytest.mark.parametrize(
    ("reply", "call", "unknown"),
    [
        (CUT, lambda session: session.campaigns.create(**DRAFT), "campaigns.create"),
        (no(503), lambda session: session.campaigns.create(**DRAFT), "campaigns.create"),
        (no(400), lambda session: session.campaigns.create(**DRAFT), None),
        (httpx.ConnectError("no"), lambda session: session.campaigns.create(**DRAFT), None),
        (CUT, lambda session: session.blacklist.add(["380931111111"]), "blacklist.add"),
        (no(503), lambda session: session.blacklist.add(["380931111111"]), None),
        (CUT, lambda session: session.request("POST", "/x"), "request"),
        (CUT, lambda session: session.senders.list(), None),
    ],
    ids=spelled,
)
@with_sessions
async def test_unknown_outcomes_are_counted(
    reply: Any, call: Callable[[ViberSession], Any], unknown: str | None, told: Telemetry
) -> None:
    """Those of calls that change something, and of which nobody knows whether they did."""
    session, _ = session_over(reply, retries=0)
    with pytest.raises(ViberError):
        await call(told.of(session))
    counted = told.metrics().get("viber.client.unknown_outcomes", [])

    assert [(labels["viber.call"], count) for labels, count in counted] == ([(unknown, 1)] if unknown else [])


@with_sessions
async def test_a_call_of_ones_own_shows_no_path(told: Telemetry) -> None:
    """Unless it is one of the provider's that we know."""
    session, _ = session_over(ok({}))
    told.of(session)
    await session.request("GET", "/contacts/380931111111", params={"phone": "380931111111"})
    await session.request("GET", "/viber/task/380931111111")
    own, _, known, _ = told.spans

    assert (own.name, (own.attributes or {})["url.full"]) == ("GET", f"{URL}/REDACTED")
    assert "url.template" not in (own.attributes or {})
    assert known.name == "GET /viber/task/{id}"


@with_sessions
async def test_a_refusal_for_too_many_requests_is_counted(told: Telemetry) -> None:
    """With the provider's code, also where the status is another."""
    session, _ = session_over(no(400, THROTTLED), retries=0)
    with pytest.raises(ViberError):
        await told.of(session).senders.list()
    call = told.spans[-1]

    assert told.metrics()["viber.client.throttled"][0][1] == 1
    assert (call.attributes or {})["viber.error_code"] == 2020202020
    assert call.events == ()


@with_sessions
async def test_a_code_that_we_do_not_know_is_not_shown(told: Telemetry) -> None:
    """It may be a phone."""
    session, _ = session_over(no(400, {"message": "no", "error_code": 380931111111}))
    with pytest.raises(ViberError) as caught:
        await told.of(session).senders.list()

    assert getattr(caught.value, "error_code", None) == 380931111111
    assert "viber.error_code" not in (told.spans[-1].attributes or {})


@with_sessions
async def test_a_stream_is_one_call_with_one_request(told: Telemetry) -> None:
    """From the first row to the last."""
    session, _ = session_over(ok({"task_id": 7, "recipients": []}))
    assert [row async for row in told.of(session).campaigns.iter_recipients(7)] == []
    await asyncio.sleep(0)

    assert [span.name for span in told.spans] == ["GET /viber/task/{id}/recipients", "viber.campaigns.recipients"]


@with_sessions
async def test_no_header_is_added_and_no_other_instrumentation_sees_the_request(told: Telemetry) -> None:
    """The spans of one of an HTTP library's would be doubles, and show ids."""
    seen: list[object] = []

    def reply(_: httpx.Request) -> httpx.Response:
        seen.append(contexts.get_value(contexts._SUPPRESS_HTTP_INSTRUMENTATION_KEY))
        return SENDERS

    session, provider = session_over(reply)
    with told.tracers.get_tracer("mine").start_as_current_span("mine"):
        await told.of(session).senders.list()

    assert seen == [True]
    assert not {"traceparent", "tracestate", "baggage"} & set(provider.requests[0].headers)
    assert contexts.get_value(contexts._SUPPRESS_HTTP_INSTRUMENTATION_KEY) is None


class Breaking(SpanProcessor):
    """A processor of somebody's that fails."""

    def __init__(self, at: str) -> None:
        self.at = at

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self.at == "start":
            raise OSError("380931111111")

    def on_end(self, span: ReadableSpan) -> None:
        if self.at == "end":
            raise OSError("380931111111")


@pytest.mark.parametrize("at", ["start", "end"])
@with_sessions
async def test_telemetry_that_fails_harms_no_call(at: str, told: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    """Its answer is here already; only the name of what was wrong is logged."""
    told.tracers.add_span_processor(Breaking(at))
    session, _ = session_over(CREATED)
    with caplog.at_level(logging.WARNING):
        created = await told.of(session).campaigns.create(**DRAFT)

    assert created.task_id == 7
    assert caplog.messages == ["telling OpenTelemetry of a call failed: OSError"] * 2


@with_sessions
async def test_a_session_is_instrumented_once(told: Telemetry) -> None:
    """Its views with it; open or not."""
    session, _ = session_over(SENDERS)
    await session.senders.list()
    assert told.of(session) is session
    await session.with_options(retries=0).senders.list()

    with pytest.raises(ConfigurationError, match="instrumented already"):
        told.of(session.with_options(lane="bulk"))
    assert len(told.named("viber.senders.list")) == 1


@with_sessions
async def test_gauges_tell_of_the_queue_and_of_the_rate(told: Telemetry) -> None:
    """While somebody waits."""
    session, _ = session_over(SENDERS, rate_limit=RateLimit(1, per=10.0))
    told.of(session, attributes=MINE)
    await session.senders.list()
    tasks = [asyncio.ensure_future(session.with_options(lane="bulk").senders.list()) for _ in range(3)]
    await asyncio.sleep(2)
    now = told.metrics()
    await asyncio.gather(*tasks)

    assert now["viber.client.requests.in_flight"] == [(MINE, 3)]
    assert sorted(now["viber.client.queue.waiting"], key=lambda point: point[0]["viber.lane"]) == [
        ({**MINE, "viber.lane": "bulk"}, 3),
        ({**MINE, "viber.lane": "interactive"}, 0),
    ]
    assert now["viber.client.queue.oldest_wait"] == [(MINE, pytest.approx(2))]
    assert now["viber.client.rate_limit.rate"] == [({**MINE, "viber.rate_limit.kept_by": "process"}, 0.1)]
    assert now["viber.client.rate_limit.paused"] == [(MINE, 0)]


@with_sessions
async def test_gauges_add_up_what_is_open_and_count_a_shared_limiter_once(told: Telemetry) -> None:
    """A session that is closed or gone is not counted, and not kept alive."""
    shared = PacedLimiter(RateLimit(10))
    sessions = [session_over(SENDERS, **more)[0] for more in ({"rate_limiter": shared}, {"rate_limiter": shared}, {})]
    sessions.append(session_over(SENDERS)[0])
    for session in sessions:
        told.of(session)
    together = told.metrics()["viber.client.rate_limit.rate"][0][1]
    await sessions.pop().aclose()
    closed = told.metrics()["viber.client.rate_limit.rate"][0][1]
    sessions.pop()
    told.sessions.clear()
    del session
    gc.collect()
    gone = told.metrics()["viber.client.rate_limit.rate"][0][1]
    another, _ = session_over(SENDERS)
    told.of(another)

    assert (together, closed, gone) == (30, 20, 10)
    assert told.metrics()["viber.client.rate_limit.rate"][0][1] == 20


@with_sessions
async def test_a_full_queue_is_the_end_of_a_call_without_a_request(told: Telemetry) -> None:
    """By which one can count those who were turned away."""
    session, _ = session_over(SENDERS, rate_limiter=PacedLimiter(RateLimit(1, per=10.0), queue=0))
    told.of(session)
    await session.senders.list()
    with pytest.raises(QueueFullError):
        await session.senders.list()
    ended = [labels.get("error.type") for labels, _ in told.metrics()["viber.client.call.duration"]]

    assert ended == [None, "viber_async.errors.QueueFullError"]


GLOBALLY = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from viber_async import ApiKey, ViberSession
from viber_async.integrations.otel import instrument

def rate(reader):
    resources = reader.get_metrics_data().resource_metrics
    found = {m.name: m for r in resources for s in r.scope_metrics for m in s.metrics}
    return [p.value for p in found["viber.client.rate_limit.rate"].data.data_points]

first, reader = instrument(ViberSession(ApiKey("key"))), InMemoryMetricReader()
provider = MeterProvider([reader])
metrics.set_meter_provider(provider)
second = instrument(ViberSession(ApiKey("key")))
third = instrument(ViberSession(ApiKey("key")), meter_provider=provider)
print(rate(reader))
"""


def test_a_global_provider_may_be_set_before_or_afterwards() -> None:
    """The sessions of both times are read in one place."""
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(GLOBALLY)], capture_output=True, text=True, check=True)

    assert (ran.stdout, ran.stderr) == ("[30.0]\n", "")


OFF = """
import asyncio, sys
import httpx
from viber_async import ApiKey, ViberSession

async def main():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=[]))
    async with ViberSession(ApiKey("key"), transport=transport) as session:
        await session.senders.list()
        print(session.statistics().requests, [name for name in sys.modules if "opentelemetry" in name])
        print([name for name in sys.modules if name.startswith("viber_async.integrations")])

asyncio.run(main())
"""


def test_a_session_that_is_not_instrumented_imports_nothing_for_it() -> None:
    """Not even when it makes a call."""
    ran = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, check=True)

    assert ran.stdout == "1 []\n[]\n"


# Nothing of anybody's.


async def tried(canary: Canary, told: Telemetry, call: Any, failure: Any, spares: Any, **settings: Any) -> None:
    session = ViberSession(
        ClientCredentials("id", canary.secret),
        base_url=URL,
        transport=Echoing(canary, failure, spares),
        ledger=MemoryLedger(),
        **settings,
    )
    told.of(session)
    with suppress(ViberError, asyncio.CancelledError, TimeoutError):
        await call(session, canary)
    await session.aclose()


def look(canary: Canary, told: Telemetry) -> None:
    for span in told.spans:
        canary.look(f"span {span.name}", span.to_json())
        told.names |= {*(span.attributes or {}), *(name for e in span.events for name in (e.attributes or {}))}
        canary.look(f"span {span.name}, its events", repr([(e.name, dict(e.attributes or {})) for e in span.events]))
    data = told.reader.get_metrics_data()
    assert data is not None
    canary.look("metrics", data.to_json())


ATTRIBUTES = set(
    """
    error.type http.request.method http.request.resend_count http.response.status_code server.address server.port
    url.full url.template viber.abandoned viber.attempts viber.call viber.delivery viber.error_code viber.lane
    viber.pause viber.rate_limit.wait
    """.split()  # noqa: SIM905 - a table of names is easier to read than a column of quotes
)
"""All that there are. None of them is a place for anybody's words."""


@pytest.mark.parametrize("failure", FAILURES, ids=str)
@pytest.mark.fault("S04", "S15")
@with_sessions
async def test_a_failing_call_tells_nothing_that_is_anybodys(failure: str, told: Telemetry) -> None:
    """No phone, no token and no secret in any span, event or measurement, whatever is echoed."""
    canary = Canary()
    for name in SOME:
        for spares in (is_token_or_list, nothing):
            await tried(canary, told, LEAKY[name], FAILURES[failure], spares)
    look(canary, told)

    assert canary.seen == []
    assert len(told.spans) > len(SOME)
    assert told.names <= ATTRIBUTES


@pytest.mark.parametrize("ending", ENDINGS, ids=str)
@pytest.mark.fault("S04", "S15")
@with_sessions
async def test_what_is_ended_in_the_middle_tells_nothing_that_is_anybodys(ending: str, told: Telemetry) -> None:
    """By whomever."""
    canary = Canary()
    ends, settings = ENDINGS[ending]
    for name in SOME:
        await tried(canary, told, ends(LEAKY[name]), forever, is_token_or_list, **settings)
    look(canary, told)

    assert canary.seen == []
    assert canary.texts > 1
    assert told.names <= ATTRIBUTES


@with_sessions
async def test_the_canary_would_be_seen(told: Telemetry) -> None:
    """In the attributes, the events and the measurements."""
    canary = Canary()
    session, _ = session_over(SENDERS)
    await told.of(session, attributes={"phone": canary.phones[0]}).senders.list()
    with told.tracers.get_tracer("mine").start_as_current_span("mine") as span:
        span.add_event(canary.phones[1])
        span.record_exception(ValueError(canary.phones[2]))
    look(canary, told)

    assert {where for where, _ in canary.seen} >= {"span viber.senders.list", "span mine", "metrics"}
    assert {word for _, word in canary.seen} == {"phone 0", "phone 1", "phone 2"}
