"""/campaigns/{id}/instantly/…: what can be done with a campaign whose e-mail Instantly sends."""

from http import HTTPStatus

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.instantly import pushing, syncing
from campaigns.instantly.setting_up import NotReady
from campaigns.models import Campaign
from retention_center.api.problems import Conflict
from retention_center.api.serializers import WireSerializer
from retention_center.api.views import WireView
from retention_center.lib import clock


class SyncedSerializer(WireSerializer):
    """``created``: this call made it there; ``isActive``: it runs there, exactly while the campaign is active here."""

    instantly_campaign_id = serializers.CharField(source="campaign_id")
    created = serializers.BooleanField(source="was_created")
    is_active = serializers.BooleanField()


class PushStartedSerializer(WireSerializer):
    """GET /jobs/{jobId} tells how far it is, POST /jobs/{jobId}/stop ends it after its present batch."""

    job_id = serializers.CharField()


class InstantlyFiguresSerializer(WireSerializer):
    """``counts`` are of leads but for ``sent`` (e-mails); ``state`` is blank until something was sent."""

    counts = serializers.DictField(child=serializers.IntegerField())
    state = serializers.CharField(default="", allow_blank=True)
    at = serializers.DateTimeField()


class SyncView(WireView):
    @extend_schema(request=None, responses=SyncedSerializer)
    def post(self, request: Request, id: str) -> Response:
        """Make the campaign at Instantly, or bring it up to date: name, contact hours, mailboxes, e-mails, state."""
        campaign = get_object_or_404(Campaign, pk=id)
        try:
            return Response(SyncedSerializer(syncing.sync(campaign, self.actor)).data)
        except NotReady as refusal:
            raise Conflict(str(refusal), code="not_ready") from refusal


class PushLeadsView(WireView):
    @extend_schema(request=None, responses={202: PushStartedSerializer})
    def post(self, request: Request, id: str) -> Response:
        """Hand the campaign's leads to Instantly, each once; a push that is under way already is taken instead."""
        campaign = get_object_or_404(Campaign, pk=id)
        try:
            job = pushing.push(campaign, by=self.actor.user, actor=self.actor)
        except NotReady as refusal:
            raise Conflict(str(refusal), code="not_ready") from refusal
        return Response(PushStartedSerializer({"job_id": job.pk}).data, HTTPStatus.ACCEPTED)


class PullStatsView(WireView):
    @extend_schema(request=None, responses=InstantlyFiguresSerializer)
    def post(self, request: Request, id: str) -> Response:
        """Ask Instantly for the campaign's counts; they are kept and shown on its page."""
        campaign = get_object_or_404(Campaign, pk=id)
        try:
            figures = syncing.pull_figures(campaign, clock.now())
        except NotReady as refusal:
            raise Conflict(str(refusal), code="not_ready") from refusal
        return Response(InstantlyFiguresSerializer(figures).data)
