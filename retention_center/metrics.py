"""Figures for Prometheus, read from our own rows at each scrape: every web process then tells the same."""

from collections.abc import Iterator
from datetime import timedelta

from django.apps import apps
from django.conf import settings
from django.db.models import Count
from django.utils.module_loading import import_string
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from retention_center import health
from retention_center.lib import clock
from retention_center.models import Job


class OwnRows(Collector):
    """Age of the heartbeat, what is overdue, the last hour's sends by channel and outcome, open jobs."""

    def collect(self) -> Iterator[Metric]:
        now = clock.now()
        state = health.processor_state(now)
        if state.last_seen is not None:
            age = (now - state.last_seen).total_seconds()
            yield _gauge("processor_heartbeat_age_seconds", "Seconds since the processor's last round.", age)
        yield _gauge("processor_overdue", "Contacts that are due and not yet worked on.", state.overdue)
        yield self._sends(now - timedelta(hours=1))
        yield self._outages()
        yield self._jobs()

    def _sends(self, since: object) -> Metric:
        # By name: the ground imports no app
        attempts = apps.get_model("campaigns", "ContactAttempt").objects.filter(started_at__gte=since)
        counts = attempts.order_by().values_list("channel", "status").annotate(Count("pk"))
        gauge = GaugeMetricFamily(
            "retention_center_sends_last_hour",
            "Contact attempts of the last hour, by channel and outcome.",
            labels=["channel", "outcome"],
        )
        for channel, status, count in counts:
            gauge.add_metric([channel, status], count)
        return gauge

    def _outages(self) -> Metric:
        gauge = GaugeMetricFamily(
            "retention_center_provider_failing_since_seconds",
            "When a provider began to fail for everybody (Unix time); absent while it works.",
            labels=["provider"],
        )
        for outage in import_string(settings.OUTAGES)():
            gauge.add_metric([outage.provider], outage.since.timestamp())
        return gauge

    def _jobs(self) -> Metric:
        counts = dict(
            Job.objects.filter(status__in=["QUEUED", "RUNNING"]).order_by().values_list("status").annotate(Count("pk"))
        )
        gauge = GaugeMetricFamily("retention_center_open_jobs", "Long work queued or running.", labels=["status"])
        for status in ("QUEUED", "RUNNING"):
            gauge.add_metric([status], counts.get(status, 0))
        return gauge


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"retention_center_{name}", meaning, value=value)
