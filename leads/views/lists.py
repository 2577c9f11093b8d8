"""The lists: leads, suppressions, imports."""

from django.db.models import F, QuerySet

from leads import next_contact
from leads.filters import ImportFilter, LeadFilter, SuppressionFilter
from leads.models import ImportJob, Lead, Suppression
from leads.removing import erased_on
from retention_center.models import Role
from retention_center.pages.columns import BulkAction, Column, Preset
from retention_center.pages.lists import ListPage


def _next_in_words(lead: Lead) -> str:
    planned = next_contact.of(lead)
    if planned is None:
        return "Nothing planned"
    return f"{planned.channel} {planned.at.isoformat() if planned.at else 'waits for staff'}: {planned.why}"


class LeadList(ListPage):
    name, title, one, many = "leads", "Leads", "lead", "leads"
    filterset_class = LeadFilter
    cells = "leads/_cells.html"
    template_name = "leads/list.html"
    search_hint = "Name, e-mail, phone, external id"
    columns = [
        Column("name", "Lead", sort=("last_name", "first_name"), value=lambda lead: lead.name, place="lead"),
        Column("status", "Status", sort="status", place="state"),
        Column("next", "Next contact and why", sort=F("next_at").asc(nulls_first=True), value=_next_in_words,
               place="reason"),
        Column("sequence", "Sequence", value=lambda lead: ", ".join(s.sequence.name for s in lead.open_steps)),
        Column("last", "Last contact", value=lambda lead: lead.last_at),
        Column("source", "Source", sort="source"),
        Column("email", "E-mail", sort="email", is_extra=True),
        Column("phone", "Phone", sort="phone", is_extra=True),
        Column("external_id", "External id", sort="external_id", is_extra=True),
        Column("created", "Added", sort="created_at", value=lambda lead: lead.created_at),
    ]  # fmt: skip
    default_sort = "-created"
    presets = [
        Preset("In progress", "status=IN_PROGRESS"),
        Preset("Next contact planned", "hasNext=true&sort=next"),
        Preset("Converted", "status=CONVERTED"),
        Preset("Do not contact", "status=DO_NOT_CONTACT"),
    ]
    bulk_actions = [
        BulkAction("Enroll in a sequence", "leads-bulk", "action", "sequence"),
        BulkAction("Add to a campaign", "leads-bulk", "action", "campaign"),
        BulkAction("Set status", "leads-bulk", "action", "status"),
        BulkAction("Do not contact", "leads-bulk", "action", "do_not_contact", is_danger=True),
        BulkAction("Delete", "leads-bulk", "action", "delete", is_danger=True),
    ]

    def rows(self) -> QuerySet[Lead]:
        return next_contact.with_next(Lead.objects.present().annotate(next_at=next_contact.soonest_at()))


class DeletedList(ListPage):
    """Leads that were deleted and are not erased yet: admins bring them back, or erase them at once."""

    name, title, one, many = "leads-deleted", "Deleted leads", "deleted lead", "deleted leads"
    filterset_class = LeadFilter
    cells = "leads/_deleted_cells.html"
    template_name = "leads/deleted.html"
    search_hint = LeadList.search_hint
    needed_role = Role.OPERATOR
    columns = [
        Column("name", "Lead", sort=("last_name", "first_name"), value=lambda lead: lead.name, place="lead"),
        Column("status", "Status", sort="status", place="state"),
        Column("deleted", "Deleted", sort="deleted_at", value=lambda lead: lead.deleted_at, place="reason"),
        Column("erased", "Erased on", value=erased_on),
        Column("source", "Source", sort="source"),
        Column("restore", "Bring back", is_exported=False),
    ]
    default_sort = "-deleted"
    bulk_actions = [BulkAction("Restore", "leads-restore", role=Role.ADMIN)]

    def rows(self) -> QuerySet[Lead]:
        return Lead.objects.deleted()


class SuppressionList(ListPage):
    name, title, one, many = "suppressions", "Do not contact list", "address", "addresses"
    filterset_class = SuppressionFilter
    cells = "leads/_suppression_cells.html"
    template_name = "leads/suppressions.html"
    search_hint = "Address"
    columns = [
        Column("address", "Address", sort="address", value=lambda row: row.address or f"hmac:{row.address_digest}",
               place="lead"),
        Column("channel", "Channel", sort="channel", value=lambda row: row.get_channel_display(), place="state"),
        Column("reason", "Why", sort="reason", place="reason"),
        Column("lead", "Lead", value=lambda row: str(row.lead or "")),
        Column("created", "Since", sort="created_at", value=lambda row: row.created_at),
        Column("lift", "Allow again", is_exported=False),
        Column("source", "Said by", sort="source", is_extra=True),
        Column("note", "Note", is_extra=True),
    ]  # fmt: skip
    default_sort = "-created"
    presets = [Preset("By e-mail link", "source=unsubscribe link"), Preset("By SMS", "source=sms"),
               Preset("By staff", "source=staff"), Preset("Imported", "source=import")]  # fmt: skip

    def rows(self) -> QuerySet[Suppression]:
        return Suppression.objects.standing().select_related("lead", "created_by")


class ImportList(ListPage):
    name, title, one, many = "imports", "Imports", "import", "imports"
    filterset_class = ImportFilter
    cells = "leads/_import_cells.html"
    template_name = "leads/imports.html"
    search_hint = "File name"
    columns = [
        Column("filename", "File", sort="filename", place="lead"),
        Column("status", "Status", value=lambda row: row.job.status if row.job else "", place="state"),
        Column("rows", "Rows", sort="rows", is_end=True),
        Column("created", "New", sort="created", is_end=True),
        Column("updated", "Updated", sort="updated", is_end=True),
        Column("unchanged", "Unchanged", sort="unchanged", is_end=True),
        Column("invalid", "Left out", sort="invalid", is_end=True),
        Column("by", "By", value=lambda row: str(row.created_by or "command")),
        Column("at", "Uploaded", sort="created_at", value=lambda row: row.created_at),
    ]
    default_sort = "-at"

    def rows(self) -> QuerySet[ImportJob]:
        return ImportJob.objects.select_related("job", "created_by")
