"""What Baselift tells of its work: spans and metrics over OpenTelemetry's API, and nothing where nobody listens.

A trace begins where something is heard of and goes on wherever that leads: bases, members of waves and runs keep it in
their rows as a W3C `traceparent` (https://www.w3.org/TR/trace-context/), so that a run ends in the trace of the event
that caused it, whichever process carries it out. Names and attributes hold no secret, no address with a query, and no
words of others.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, NoOpMeterProvider, Observation
from opentelemetry.trace import NoOpTracerProvider, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

SCOPE = "baselift"
COUNTER, DURATION, GAUGE = "counter", "duration", "gauge"
_PARENT = "traceparent"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200)
GAUGES_HOLD = 400.0
"""Seconds for which what a gauge was told counts: another instance may be the one that tells it from then on."""

Tell = Callable[[float, Mapping[str, str]], None]
_w3c = TraceContextTextMapPropagator()


@dataclass(frozen=True, slots=True)
class Metric:
    """What a number is. docs/azure.md has the same table for people."""

    kind: str
    """`COUNTER`, `DURATION` (a histogram), or `GAUGE`."""
    unit: str
    """UCUM, as OpenTelemetry asks for."""
    text: str
    attributes: tuple[str, ...] = ()


METRICS: Mapping[str, Metric] = {
    "baselift.runs": Metric(COUNTER, "{run}", "Runs that ended", ("registry", "status", "reason")),
    "baselift.run.wait": Metric(DURATION, "s", "From the request for a run to its first start", ("reason",)),
    "baselift.run.duration": Metric(DURATION, "s", "From the first start of a run to its end", ("status", "reason")),
    "baselift.push.queued": Metric(DURATION, "s", "From the push that was heard of to the run it caused"),
    "baselift.push.rebuilt": Metric(DURATION, "s", "From the movement of a base to the end of the run that followed"),
    "baselift.registry.errors": Metric(COUNTER, "{error}", "Requests that a registry failed", ("registry", "error")),
    "baselift.waves": Metric(COUNTER, "{wave}", "Waves that began, were halted, or ended", ("state",)),
    "baselift.wave.members": Metric(COUNTER, "{member}", "Members of waves that were settled", ("state",)),
    "baselift.wave.duration": Metric(DURATION, "s", "From the movement of a base to the end of its wave", ("state",)),
    "baselift.reconcile.duration": Metric(DURATION, "s", "Rounds of the reconciler", ("outcome",)),
    "baselift.edges.stale": Metric(GAUGE, "{edge}", "Edges of tasks that stand on an old base", ("registry",)),
    "baselift.waves.open": Metric(GAUGE, "{member}", "Members not settled, of waves that are not over"),
    "baselift.queue.messages": Metric(GAUGE, "{message}", "Messages in a queue", ("queue",)),
}


class Telemetry:
    """Where spans and numbers go.

    Args:
        tracers, meters: the SDK's; both, or neither for nowhere.
        seconds: a clock that never goes back.
    """

    def __init__(
        self,
        tracers: TracerProvider | None = None,
        meters: MeterProvider | None = None,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self.on = tracers is not None
        self._stock: datetime | None = None
        self._tracer = (tracers or NoOpTracerProvider()).get_tracer(SCOPE)
        meter = (meters or NoOpMeterProvider()).get_meter(SCOPE)
        self._record = {name: _instrument(meter, name, metric, seconds) for name, metric in METRICS.items()}

    def record(self, name: str, value: float = 1, **attributes: str) -> None:
        """Add to a counter, or tell a duration or the present value of a gauge; `name` is one of `METRICS`."""
        self._record[name](value, attributes)

    def stock_due(self, now: datetime, every: timedelta) -> bool:
        """True, once in so long, where what there is should be counted."""
        if not self.on or (self._stock is not None and now - self._stock < every):
            return False
        self._stock = now
        return True

    @contextmanager
    def span(self, name: str, within: str = "", **attributes: str) -> Iterator[None]:
        """What is done inside belongs to a new span, of the trace `within` where one is given, else of the present."""
        if not self.on:
            yield
            return
        with self._tracer.start_as_current_span(
            name, _context(within), attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                # Its message may hold words of others.
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", type(error).__name__)
                raise

    def past(
        self, name: str, within: str, times: tuple[datetime, datetime], *, failed: bool, attributes: Mapping[str, Any]
    ) -> None:
        """Tell of what is over, with its beginning and end."""
        if not self.on:
            return
        began, ended = (int(time.timestamp() * 1_000_000) * 1000 for time in times)
        kind = trace.SpanKind.CONSUMER
        span = self._tracer.start_span(name, _context(within), kind, attributes, start_time=began)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    @contextmanager
    def within(self, traceparent: str) -> Iterator[None]:
        """What is done inside belongs to a trace that was kept; to the present one where `traceparent` is empty."""
        if not (self.on and traceparent):
            yield
            return
        token = context.attach(_context(traceparent) or context.get_current())
        try:
            yield
        finally:
            context.detach(token)

    def origin(self, name: str, **attributes: str) -> str:
        """The present place in a trace, or that of a new span where there is none."""
        with nullcontext() if self.trace() else self.span(name, **attributes):
            return self.trace()

    def trace(self) -> str:
        """The present place in a trace, to be kept; empty outside of one."""
        carrier: dict[str, str] = {}
        if self.on:
            _w3c.inject(carrier)
        return carrier.get(_PARENT, "")


def _context(traceparent: str) -> Context | None:
    """None: the present context."""
    return _w3c.extract({_PARENT: traceparent}) if traceparent else None


def _instrument(meter: Meter, name: str, metric: Metric, seconds: Callable[[], float]) -> Tell:
    if metric.kind == COUNTER:
        return meter.create_counter(name, metric.unit, metric.text).add
    if metric.kind == GAUGE:
        return _gauge(meter, name, metric, seconds)
    return meter.create_histogram(name, metric.unit, metric.text, explicit_bucket_boundaries_advisory=_SECONDS).record


def _gauge(meter: Meter, name: str, metric: Metric, seconds: Callable[[], float]) -> Tell:
    told: dict[frozenset[tuple[str, str]], tuple[float, float]] = {}

    def observe(_: CallbackOptions) -> list[Observation]:
        # The reader's thread is another: what is told meanwhile must not disturb it.
        oldest, known = seconds() - GAUGES_HOLD, list(told.items())
        return [Observation(value, dict(key)) for key, (value, at) in known if at > oldest]

    def tell(value: float, attributes: Mapping[str, str]) -> None:
        told[frozenset(attributes.items())] = value, seconds()

    meter.create_observable_gauge(name, [observe], metric.unit, metric.text)
    return tell
