"""Pages of sequences, their steps and enrollments."""

from django.urls import path

from sequences.views import (
    builder,
    catch_up,
    enroll,
    executions,
    forecast,
    listing,
    moves,
    people,
    results,
    settings,
    versions,
)

urlpatterns = [
    path("catch-up/", catch_up.catch_up, name="catch-up"),
    path("catch-up/steps/<str:pk>/", catch_up.held_step, name="held-step"),
    path("sequences/", listing.SequenceList.as_view(), name="sequences"),
    path("sequences/new/", settings.sequence_new, name="sequence-new"),
    path("sequences/start/<slug:slug>/", listing.sequence_start, name="sequence-start"),
    path("sequences/enrollments/<str:pk>/", people.enrollment_page, name="enrollment"),
    path("sequences/enrollments/<str:pk>/<slug:change>/", people.enrollment_change, name="enrollment-change"),
    path("sequences/<str:pk>/", builder.sequence_steps, name="sequence"),
    path("sequences/<str:pk>/steps/", builder.sequence_steps, name="sequence-steps"),
    path("sequences/<str:pk>/enrollments/", people.EnrollmentList.as_view(), name="sequence-enrollments"),
    path("sequences/<str:pk>/enrollments/change/", people.enrollments_change, name="enrollments-change"),
    path("sequences/<str:pk>/enroll/", enroll.EnrollLeads.as_view(), name="sequence-enroll"),
    path("sequences/<str:pk>/enroll/chosen/", enroll.sequence_enroll_chosen, name="sequence-enroll-chosen"),
    path("sequences/<str:pk>/matching/", enroll.sequence_matching, name="sequence-matching"),
    path("sequences/<str:pk>/jobs/<str:job_pk>/", enroll.sequence_job, name="sequence-job"),
    path("sequences/<str:pk>/executions/", executions.ExecutionList.as_view(), name="sequence-executions"),
    path("sequences/<str:pk>/forecast/", forecast.sequence_forecast, name="sequence-forecast"),
    path("sequences/<str:pk>/results/", results.sequence_results, name="sequence-results"),
    path("sequences/<str:pk>/history/", settings.sequence_history, name="sequence-history"),
    path("sequences/<str:pk>/versions/", versions.sequence_versions, name="sequence-versions"),
    path("sequences/<str:pk>/versions/<int:version>/", versions.sequence_version, name="sequence-version"),
    path("sequences/<str:pk>/settings/", settings.sequence_settings, name="sequence-settings"),
    path("sequences/<str:pk>/activation/", moves.activation, name="sequence-activation"),
    path("sequences/<str:pk>/pause/", moves.sequence_pause, name="sequence-pause"),
    path("sequences/<str:pk>/archive/", moves.sequence_archive, name="sequence-archive"),
    path("sequences/<str:pk>/delete/", moves.sequence_delete, name="sequence-delete"),
]
