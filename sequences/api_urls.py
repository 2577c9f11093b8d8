"""Addresses of this app under /api/."""

from django.urls import path

from retention_center.api.routing import routes
from sequences.api.cron import ProcessSequencesView
from sequences.api.drafts import DraftViewSet, VersionViewSet
from sequences.api.enrollments import EnrollmentViewSet, SequenceEnrollmentViewSet
from sequences.api.forecast import ForecastView
from sequences.api.held import HeldReleaseView, HeldView
from sequences.api.sequences import SequenceViewSet

urlpatterns = [
    *routes("sequences", SequenceViewSet),
    path(
        "sequences/<str:id>/draft",
        DraftViewSet.as_view({"get": "draft", "put": "put_draft", "delete": "discard"}),
        name="api-sequence-draft",
    ),
    path("sequences/<str:id>/publish", DraftViewSet.as_view({"post": "publish"}), name="api-sequence-publish"),
    path("sequences/<str:id>/versions", VersionViewSet.as_view({"get": "list"}), name="api-sequence-versions"),
    path(
        "sequences/<str:id>/enrollments",
        SequenceEnrollmentViewSet.as_view({"get": "list", "post": "enroll"}),
        name="api-sequence-enrollments",
    ),
    path("sequences/<str:id>/forecast", ForecastView.as_view(), name="api-sequence-forecast"),
    path(
        "enrollments/<str:id>",
        EnrollmentViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
        name="api-enrollments-detail",
    ),
    path("held", HeldView.as_view(), name="api-held"),
    path("held/release", HeldReleaseView.as_view(), name="api-held-release"),
    path("cron/process-sequences", ProcessSequencesView.as_view(), name="api-cron"),
]
