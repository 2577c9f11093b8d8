from django.contrib.admin.apps import AdminConfig


class ConfigurationConfig(AdminConfig):
    """Takes the place of ``django.contrib.admin`` in INSTALLED_APPS: the same, with our site."""

    default_site = "retention_center.admin_site.ConfigurationSite"
