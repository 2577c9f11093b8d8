"""For monitors: the process is up, the system is ready, and its figures."""

from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from retention_center import health
from retention_center.api import problems
from retention_center.auth.callers import address_of
from retention_center.auth.cron import carries_cron_token
from retention_center.lib import clock
from retention_center.metrics import OwnRows

log = structlog.get_logger(__name__)
LOOPBACK = {"127.0.0.1", "::1"}


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers and its tables are in step, else 503. The worker is reported, not required."""
    found: dict[str, Any] = {"database": "ok", "migrations": "ok", "worker": {"lastSeen": None, "overdue": None}}
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            found["migrations"] = "missing"
        else:
            state = health.processor_state(clock.now())
            seen = state.last_seen.isoformat() if state.last_seen else None
            found["worker"] = {"lastSeen": seen, "overdue": state.overdue}
    except DatabaseError as error:
        log.error("not_ready", error=type(error).__name__)
        found |= {"database": "unreachable", "migrations": "unknown"}
    is_ready = found["database"] == found["migrations"] == "ok"
    return JsonResponse({"status": "ok" if is_ready else "not ready", **found}, status=200 if is_ready else 503)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus figures, for the bearer of CRON_TOKEN and for this machine itself."""
    if address_of(request) not in LOOPBACK and not carries_cron_token(request):
        refusal = problems.response(401, "Send Authorization: Bearer with CRON_TOKEN.", code="not_authenticated")
        refusal["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return refusal
    registry = CollectorRegistry(auto_describe=False)
    registry.register(OwnRows())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)
