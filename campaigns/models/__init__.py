"""Campaigns, scripts, attempts, the contact policy and A/B tests."""

from campaigns.models.ab_test import ABTest
from campaigns.models.attempt import ContactAttempt
from campaigns.models.campaign import Campaign, CampaignLead
from campaigns.models.contact_policy import ContactPolicy, SendingPause
from campaigns.models.script import Script

__all__ = [
    "ABTest",
    "Campaign",
    "CampaignLead",
    "ContactAttempt",
    "ContactPolicy",
    "Script",
    "SendingPause",
]
