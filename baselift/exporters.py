"""Where telemetry goes: an OTLP collector, Application Insights, both, or nowhere, as OpenTelemetry's settings say.

The SDK is imported here, on first use and only where it is wanted. Of Azure Monitor it is the exporter alone: its
distro brings instrumentations of web frameworks and of the process's logs, which the Functions host sends already.
"""

import logging
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from baselift.app.telemetry import Telemetry

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
OTLP = "OTEL_EXPORTER_OTLP_ENDPOINT"
PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
DISABLED = "OTEL_SDK_DISABLED"
_SPOKEN = "http/protobuf"
_TIMEOUT = 4.0
# No user, no query: an address is no place for a secret, and the exporter writes it into its log.
_ADDRESS = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
# The exporter's own statistics and remote control go to other addresses than the one that is set.
_QUIET = (
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
)


def problems(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with the settings of this part, and what would be right."""
    found = []
    address, protocol = environment.get(OTLP, ""), environment.get(PROTOCOL, _SPOKEN)
    if address and not _ADDRESS.fullmatch(address):
        found.append(f"{OTLP} must be http(s)://HOST[:PORT][/PATH], without a user and a query")
    if address and protocol != _SPOKEN:
        found.append(f"{PROTOCOL} is '{protocol}'; it must be {_SPOKEN}")
    insights = environment.get(INSIGHTS, "")
    if insights and "InstrumentationKey=" not in insights:
        found.append(f"{INSIGHTS} must be what Azure shows: InstrumentationKey=...;IngestionEndpoint=https://...")
    return found


def connect(environment: Mapping[str, str]) -> Telemetry:
    """Telemetry as the settings say. What is not sent when the process ends in order is sent then."""
    wanted = [name for name in (OTLP, INSIGHTS) if environment.get(name)]
    if not wanted or environment.get(DISABLED, "").lower() == "true":
        return Telemetry()
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(_resource(environment))
    tracers = TracerProvider(resource=resource)
    exporters = [_otlp(environment) if name == OTLP else _insights(environment[INSIGHTS], tracers) for name in wanted]
    for spans, _ in exporters:
        tracers.add_span_processor(BatchSpanProcessor(spans))
    readers = [PeriodicExportingMetricReader(metrics) for _, metrics in exporters]
    return Telemetry(tracers, MeterProvider(readers, resource=resource))


def _resource(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        "service.name": environment.get("OTEL_SERVICE_NAME") or environment.get("WEBSITE_SITE_NAME") or "baselift",
        "service.instance.id": environment.get("WEBSITE_INSTANCE_ID") or os.uname().nodename,
        "baselift.role": environment.get("BASELIFT_ROLE", "all"),
    }


def _otlp(environment: Mapping[str, str]) -> "tuple[SpanExporter, MetricExporter]":
    """They read their settings, headers included, from the environment themselves.

    Where it says no timeout, less than the usual ten seconds: the end of a process waits for each that long, in vain
    where the collector is away.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    timed = any(re.fullmatch(r"OTEL_EXPORTER_OTLP_\w*TIMEOUT", name) for name in environment)
    timeout = None if timed else _TIMEOUT
    return OTLPSpanExporter(timeout=timeout), OTLPMetricExporter(timeout=timeout)


def _insights(connection: str, tracers: "TracerProvider") -> "tuple[SpanExporter, MetricExporter]":
    """By the identity that APPLICATIONINSIGHTS_AUTHENTICATION_STRING names, which the exporter reads itself."""
    for name in _QUIET:
        os.environ.setdefault(name, "true")
    logging.getLogger("azure.monitor").setLevel(logging.WARNING)
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter

    given = {"connection_string": connection, "disable_offline_storage": True}
    return AzureMonitorTraceExporter(**given, tracer_provider=tracers), AzureMonitorMetricExporter(**given)
