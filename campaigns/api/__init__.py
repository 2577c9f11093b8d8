"""Campaigns, scripts, attempts, the contact policy and pauses on the wire."""
