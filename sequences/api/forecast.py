"""/sequences/{id}/forecast: what the sequence would do over its next days."""

from http import HTTPStatus
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from retention_center.api.problems import Conflict, Problem
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.lib import clock
from retention_center.models import Job
from sequences import forecast, forecast_job
from sequences.api.held import JobStartedSerializer
from sequences.forecast import CannotForecast
from sequences.models import RetentionSequence


class CountsField(serializers.DictField):
    child = serializers.IntegerField()


class ForecastRowSerializer(WireSerializer):
    """``cost`` by currency; ``unknownCost``: contacts that nobody knows the cost of."""

    contacts = serializers.IntegerField()
    by_channel = CountsField()
    cost = serializers.DictField(child=serializers.DecimalField(max_digits=20, decimal_places=4))
    unknown_cost = serializers.IntegerField()


class ForecastTotalsSerializer(ForecastRowSerializer):
    """``leads``: who is in it or enters (``entering``); ``contacted`` of them get at least one message.

    By reason: ``held`` steps wait and go on by themselves, ``blocked`` ones wait until somebody acts, ``skipped`` ones
    are left out, ``ended`` runs are stopped. ``completes``: runs that reach their end.
    """

    leads = serializers.IntegerField()
    entering = serializers.IntegerField()
    contacted = serializers.IntegerField()
    completes = serializers.IntegerField()
    held = CountsField()
    blocked = CountsField()
    skipped = CountsField()
    ended = CountsField()


class ForecastDaySerializer(ForecastRowSerializer):
    """A day of the organisation's zone."""

    date = serializers.DateField()


class ForecastSerializer(WireSerializer):
    """The newest finished forecast; ``assumptions`` say what must be true for it to come true."""

    sequence_id = serializers.CharField()
    computed_at = serializers.DateTimeField()
    is_cut_off = serializers.BooleanField()
    totals = ForecastTotalsSerializer()
    days = ForecastDaySerializer(many=True)
    assumptions = serializers.ListField(child=serializers.CharField())


class LatestForecastSerializer(ForecastSerializer):
    job_id = serializers.CharField()
    age_seconds = serializers.FloatField(help_text="Since the moment it was computed from.")


class ForecastStartSerializer(WireSerializer):
    days = serializers.IntegerField(
        required=False, default=forecast.DEFAULT_DAYS, min_value=1, max_value=forecast.MOST_DAYS
    )


class ForecastView(WireView):
    """A dry run; it changes nothing."""

    @extend_schema(responses=LatestForecastSerializer)
    def get(self, request: Request, id: str) -> Response:
        """The latest result; 404 when there is none yet."""
        sequence = get_object_or_404(RetentionSequence, pk=id)
        job = forecast_job.latest(sequence.pk)
        if job is None:
            raise Problem(404, "There is no forecast yet; start one by POST.", code="no_forecast")
        return Response(LatestForecastSerializer(_told(sequence, job)).data)

    @extend_schema(request=ForecastStartSerializer, responses={202: JobStartedSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Start one for so many days, today included; one that is under way already is taken instead."""
        sequence = get_object_or_404(RetentionSequence, pk=id)
        given = ForecastStartSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            job = forecast_job.start(sequence, given.validated_data["days"], self.actor)
        except CannotForecast as refusal:
            raise Conflict(str(refusal), code="cannot_forecast") from refusal
        return Response(JobStartedSerializer({"job_id": job.pk}).data, HTTPStatus.ACCEPTED)


def _told(sequence: RetentionSequence, job: Job) -> dict[str, Any]:
    own = {"sequence_id": sequence.pk, "job_id": job.pk, "age_seconds": forecast_job.age(job, clock.now())}
    return job.result | own
