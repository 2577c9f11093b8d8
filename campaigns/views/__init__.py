"""Pages of campaigns, scripts, attempts and the contact policy."""
