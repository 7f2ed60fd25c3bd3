"""Somebody who listens: the SDK's own exporters in memory, behind a telemetry."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from baselift.app.telemetry import Telemetry


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self._spans, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self._points: dict[str, dict[frozenset[tuple[str, Any]], Any]] = {}
        self.seconds = 0.0
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(tracers, meters, lambda: self.seconds)

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._spans.get_finished_spans() if span.name == name]

    def now(self, name: str) -> dict[str, float]:
        """What a gauge of one attribute says at this moment, by that attribute."""
        self._points.pop(name, None)
        return {value: point.value for key, point in self.points(name).items() for _, value in key}

    def every_span(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    def points(self, name: str) -> dict[frozenset[tuple[str, Any]], Any]:
        """The latest points of a metric by their attributes."""
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    kept = self._points.setdefault(metric.name, {})
                    kept.update({frozenset(point.attributes.items()): point for point in metric.data.data_points})
        return self._points.get(name, {})

    def total(self, name: str, **attributes: str) -> float:
        """The value of a counter or gauge, or the sum of a duration."""
        point = self.points(name).get(frozenset(attributes.items()))
        return 0 if point is None else getattr(point, "value", None) if hasattr(point, "value") else point.sum

    def times(self, name: str, **attributes: str) -> int:
        """How many durations were told."""
        point = self.points(name).get(frozenset(attributes.items()))
        return 0 if point is None else point.count

    def names(self) -> set[str]:
        """Metrics of which anything was told."""
        self.points("")
        return set(self._points)
