"""Addresses of this app."""

from django.urls import path, re_path

from leads.views import bulk, consent, importing, lists, reasons, record, suppressions

urlpatterns = [
    path("leads/", lists.LeadList.as_view(), name="leads"),
    path("leads/new/", record.edit, name="lead-new"),
    path("leads/bulk/", bulk.change, name="leads-bulk"),
    path("leads/changes/<str:pk>/", bulk.job, name="leads-job"),
    path("leads/changes/<str:pk>/stop/", bulk.stop_job, name="leads-job-stop"),
    path("leads/deleted/", lists.DeletedList.as_view(), name="leads-deleted"),
    path("leads/deleted/restore/", bulk.restore, name="leads-restore"),
    path("leads/suppressions/", lists.SuppressionList.as_view(), name="suppressions"),
    path("leads/suppressions/new/", suppressions.suppress, name="suppression-new"),
    path("leads/suppressions/import/", suppressions.import_addresses, name="suppressions-import"),
    path("leads/suppressions/left-out/", suppressions.left_out, name="suppressions-left-out"),
    path("leads/suppressions/<str:pk>/lift/", suppressions.lift, name="suppression-lift"),
    path("leads/imports/", lists.ImportList.as_view(), name="imports"),
    path("leads/import/", importing.upload, name="lead-import"),
    path("leads/import/<str:pk>/", importing.importing, name="import"),
    path("leads/import/<str:pk>/columns/", importing.columns, name="import-columns"),
    path("leads/import/<str:pk>/check/", importing.check, name="import-check"),
    path("leads/import/<str:pk>/run/", importing.run, name="import-run"),
    path("leads/import/<str:pk>/stop/", importing.stop, name="import-stop"),
    path("leads/import/<str:pk>/result/", importing.result, name="import-result"),
    path("leads/import/<str:pk>/left-out/", importing.rejected_rows, name="import-rejected"),
    path("leads/<str:pk>/", record.lead, name="lead"),
    path("leads/<str:pk>/edit/", record.edit, name="lead-edit"),
    path("leads/<str:pk>/next/", reasons.upcoming, name="lead-next"),
    path("leads/<str:pk>/checks/", reasons.checks, name="lead-checks"),
    path("leads/<str:pk>/stop/", record.stop, name="lead-stop"),
    path("leads/<str:pk>/allow/", record.allow, name="lead-allow"),
    path("leads/<str:pk>/delete/", record.delete, name="lead-delete"),
    path("leads/<str:pk>/restore/", record.restore, name="lead-restore"),
    path("leads/<str:pk>/erase/", record.erase, name="lead-erase"),
    re_path(r"^u/(?P<token>[^/]+)/?$", consent.unsubscribe, name="unsubscribe"),
]
