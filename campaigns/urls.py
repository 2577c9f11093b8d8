"""Pages of campaigns, scripts, attempts and the contact policy."""

from django.urls import path

from campaigns.views import (
    again,
    attempts,
    campaign_leads,
    campaigns,
    contact_now,
    instantly,
    policy,
    previews,
    script_versions,
    scripts,
    sending,
)

urlpatterns = [
    path("campaigns/", campaigns.CampaignList.as_view(), name="campaigns"),
    path("campaigns/new/", campaigns.campaign_new, name="campaign-new"),
    path("campaigns/<str:pk>/", campaigns.campaign_page, name="campaign"),
    path("campaigns/<str:pk>/edit/", campaigns.campaign_edit, name="campaign-edit"),
    path("campaigns/<str:pk>/move/", campaigns.campaign_move, name="campaign-move"),
    path("campaigns/<str:pk>/delete/", campaigns.campaign_delete, name="campaign-delete"),
    path("campaigns/<str:pk>/instantly/sync/", instantly.campaign_instantly_sync, name="campaign-instantly-sync"),
    path("campaigns/<str:pk>/instantly/push/", instantly.campaign_instantly_push, name="campaign-instantly-push"),
    path("campaigns/<str:pk>/instantly/stop/", instantly.campaign_instantly_stop, name="campaign-instantly-stop"),
    path("campaigns/<str:pk>/instantly/pull/", instantly.campaign_instantly_pull, name="campaign-instantly-pull"),
    path("campaigns/<str:pk>/leads/", campaign_leads.CampaignLeads.as_view(), name="campaign-leads"),
    path("campaigns/<str:pk>/leads/add/", campaign_leads.AddLeads.as_view(), name="campaign-leads-add"),
    path("campaigns/<str:pk>/leads/assign/", campaign_leads.campaign_leads_assign, name="campaign-leads-assign"),
    path("campaigns/<str:pk>/leads/remove/", campaign_leads.campaign_leads_remove, name="campaign-leads-remove"),
    path("scripts/", scripts.ScriptList.as_view(), name="scripts"),
    path("scripts/new/", scripts.script_new, name="script-new"),
    path("scripts/try/", previews.script_try, name="script-try"),
    path("scripts/draft/<str:key>/", previews.draft_html, name="script-draft-html"),
    path("scripts/<str:pk>/", scripts.script_page, name="script"),
    path("scripts/<str:pk>/edit/", scripts.script_edit, name="script-edit"),
    path("scripts/<str:pk>/html/", previews.script_html, name="script-html"),
    path("scripts/<str:pk>/versions/", script_versions.script_texts, name="script-versions"),
    path("scripts/<str:pk>/archive/", scripts.script_archive, name="script-archive"),
    path("scripts/<str:pk>/delete/", scripts.script_delete, name="script-delete"),
    path("attempts/", attempts.AttemptList.as_view(), name="attempts"),
    path("attempts/<str:pk>/", attempts.attempt_page, name="attempt"),
    path("attempts/<str:pk>/again/", again.attempt_again, name="attempt-again"),
    path("attempts/<str:pk>/html/", previews.attempt_html, name="attempt-html"),
    path("leads/<str:pk>/contact/", contact_now.lead_contact, name="lead-contact"),
    path("policy/", policy.policy_page, name="policy"),  # the name by which the sidebar knows it
    path("policy/", policy.policy_page, name="contact-policy"),
    path("policy/edit/", policy.policy_edit, name="contact-policy-edit"),
    path("sending/pause/", sending.sending_pause, name="sending-pause"),
    path("sending/resume/", sending.sending_resume, name="sending-resume"),
]
