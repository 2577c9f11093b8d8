"""/leads: people in, one or many; what is known of them; out again."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from leads import intake, removing, timeline
from leads.api.serializers import (
    BulkResultSerializer,
    BulkSerializer,
    LeadAddedSerializer,
    LeadDetailSerializer,
    LeadSerializer,
    LeadStatsSerializer,
    LeadWriteSerializer,
    MayContactSerializer,
    TimelineSerializer,
)
from leads.cleaning import Problem, Row, clean
from leads.filters import LeadFilter
from leads.merging import Outcome
from leads.models import Lead
from retention_center.api import problems
from retention_center.api.filters import MOMENT, MomentField
from retention_center.api.views import WireReadOnlyViewSet
from retention_center.lib import clock
from retention_center.lib.channels import Channel
from retention_center.lib.wire import to_camel, to_snake
from retention_center.models import Role

SOURCE = "API"
_BEFORE = OpenApiParameter("before", MOMENT, description="Only what is older than this time.")
_CHANNEL = OpenApiParameter("channel", str, enum=Channel.values, required=True, description="On which channel.")
_KIND = OpenApiParameter("kind", str, enum=[kind for kind in timeline.KINDS if kind], description="Only this kind.")


def refused(error: intake.Conflict | intake.InvalidLead | intake.Stale) -> problems.Problem:
    """A refusal of the intake as a problem of the wire."""
    if isinstance(error, intake.Conflict):
        lead = {"id": error.owner.pk, "name": str(error.owner), "email": error.owner.email}
        return problems.Conflict(str(error), code=f"{error.field}_taken", lead_id=error.owner.pk, lead=lead)
    if isinstance(error, intake.Stale):
        return problems.Conflict(str(error), code="stale")
    errors = [wire_problem(problem) for problem in error.problems]
    return problems.Problem(HTTPStatus.BAD_REQUEST, str(error), code="invalid", errors=errors)


def wire_problem(problem: Problem) -> dict[str, str]:
    return problem.as_json() | {"field": to_camel(problem.field)}


@extend_schema_view(retrieve=extend_schema(responses=LeadDetailSerializer))
class LeadViewSet(WireReadOnlyViewSet):
    """Leads. The e-mail address decides who somebody is, then the phone number."""

    queryset = Lead.objects.present()
    serializer_class = LeadSerializer
    filterset_class = LeadFilter
    sort_fields = ("createdAt", "updatedAt", "firstName", "lastName", "email", "status", "source")
    default_sort = "-createdAt"
    roles = {"erase": Role.ADMIN, "restore": Role.ADMIN}

    def get_queryset(self) -> QuerySet[Lead]:
        return Lead.objects.filter(erased_at=None) if self.action in {"restore"} else Lead.objects.present()

    def get_serializer_class(self) -> type[serializers.BaseSerializer]:
        return LeadDetailSerializer if self.action == "retrieve" else LeadSerializer

    @extend_schema(request=LeadWriteSerializer, responses={200: LeadAddedSerializer, 201: LeadAddedSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Let somebody in: 201 for somebody new, 200 for somebody known, whose blanks are filled."""
        given = self._given(request)
        try:
            added = intake.add(given, actor=self.actor, now=clock.now(), source=SOURCE)
        except (intake.Conflict, intake.InvalidLead) as error:
            raise refused(error) from None
        added.lead.created = added.created  # type: ignore[attr-defined]
        status = HTTPStatus.CREATED if added.created else HTTPStatus.OK
        return Response(LeadAddedSerializer(added.lead).data, status)

    @extend_schema(request=LeadWriteSerializer, responses=LeadDetailSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change what is given; blank or null empties a field. Do not contact stops everything that is planned."""
        lead = self.get_object()
        try:
            lead = intake.change(lead, self._given(request), actor=self.actor, now=clock.now())
        except (intake.Conflict, intake.InvalidLead) as error:
            raise refused(error) from None
        except Lead.DoesNotExist:
            raise problems.Problem(HTTPStatus.NOT_FOUND, "This lead was deleted just now.") from None
        return Response(LeadDetailSerializer(lead).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Hide the lead and stop everything planned for it; it is erased after 30 days."""
        removing.delete(self.get_object(), actor=self.actor, now=clock.now())
        return Response(status=HTTPStatus.NO_CONTENT)

    def _given(self, request: Request) -> dict[str, Any]:
        serializer = LeadWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    @extend_schema(request=BulkSerializer, responses=BulkResultSerializer)
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request, **kwargs: Any) -> Response:
        """Up to 5,000 leads at once, all or none of the good ones; the bad ones are told by their place in the list."""
        serializer = BulkSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        rows = [_row(given) for given in serializer.validated_data["leads"]]
        with transaction.atomic():
            taken = intake.take_in(rows, now=clock.now(), actor=self.actor, source=SOURCE, strict=True)
            intake.record_taken(taken, self.actor)
        counted = {str(outcome): sum(1 for one in taken if one.outcome == outcome) for outcome in Outcome}
        invalid = [
            {"index": index, "errors": [wire_problem(problem) for problem in one.problems]}
            for index, one in enumerate(taken)
            if one.outcome == Outcome.INVALID
        ]
        return Response(BulkResultSerializer(counted | {"invalid": invalid}).data)

    @extend_schema(responses=LeadStatsSerializer)
    @action(detail=False, methods=["get"], pagination_class=None)
    def stats(self, request: Request, **kwargs: Any) -> Response:
        """How many leads there are, by status and by source; takes the list's filters."""
        leads: Any = self.filter_queryset(Lead.objects.present())
        by_status = {str(status): 0 for status in Lead.Status} | leads.by_status()
        figures = {"total": sum(by_status.values()), "by_status": by_status, "by_source": leads.by_source()}
        return Response(LeadStatsSerializer(figures).data)

    @extend_schema(responses=MayContactSerializer, parameters=[_CHANNEL])
    @action(detail=True, methods=["get"], url_path="may-contact", filter_backends=[], pagination_class=None)
    def may_contact(self, request: Request, **kwargs: Any) -> Response:
        """May the lead be contacted on the channel now? Every rule for itself, asked as the processor asks them."""
        lead, channel = self.get_object(), request.query_params.get("channel", "")
        if channel not in Channel.values:
            raise problems.Invalid("channel", f"Give a channel: {', '.join(Channel.values)}.", code="invalid_choice")
        (answer,) = import_string(settings.MAY_CONTACT)(lead, clock.now(), [channel])
        told = {
            "channel": channel,
            "may": answer.may,
            "reason": answer.decision.reason,
            "sentence": answer.why,
            "until": answer.decision.until,
            "rules": answer.checks,
        }
        return Response(MayContactSerializer(told).data)

    @extend_schema(responses=TimelineSerializer, parameters=[_BEFORE, _KIND])
    @action(detail=True, methods=["get"], filter_backends=[], pagination_class=None)
    def timeline(self, request: Request, **kwargs: Any) -> Response:
        """Everything that happened to the lead, or was meant to, newest first."""
        lead = self.get_object()
        kind = request.query_params.get("kind", "")
        if kind not in timeline.KINDS:
            raise problems.Invalid("kind", "There is no such kind of event.", code="invalid_choice")
        before = MomentField(required=False).clean(request.query_params.get("before"))
        story = timeline.of(lead, kind=kind, before=before)
        events = [*story.planned, *story.past]
        return Response(TimelineSerializer({"data": events, "earlier": story.earlier}).data)

    @extend_schema(request=None, responses={204: None})
    @action(detail=True, methods=["post"])
    def erase(self, request: Request, **kwargs: Any) -> Response:
        """Delete the lead and every personal word of it, for good. Suppressions stay as fingerprints."""
        lead = Lead.objects.filter(pk=kwargs["id"], erased_at=None).first()
        if lead is None:
            raise problems.Problem(HTTPStatus.NOT_FOUND, "There is no such lead.", code="not_found")
        removing.erase(lead, actor=self.actor, now=clock.now())
        return Response(status=HTTPStatus.NO_CONTENT)

    @extend_schema(request=None, responses=LeadDetailSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **kwargs: Any) -> Response:
        """Bring a deleted lead back; 409 when somebody else has its address now."""
        try:
            lead = removing.restore(self.get_object(), actor=self.actor, now=clock.now())
        except intake.Conflict as error:
            raise refused(error) from None
        return Response(LeadDetailSerializer(lead).data)


def _row(given: dict[str, Any]) -> Row:
    """One lead of a bulk request, checked like a single one: unknown names are left out, as everywhere."""
    serializer = LeadWriteSerializer(data=given)
    if serializer.is_valid():
        return clean(serializer.validated_data)
    found = [
        Problem(to_snake(str(field)), getattr(error, "code", "invalid"), str(error))
        for field, errors in serializer.errors.items()
        for error in (errors if isinstance(errors, list) else [errors])
    ]
    return Row({}, found, is_valid=False)
