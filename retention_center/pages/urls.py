"""Search, preferences, saved views, and the style page."""

from django.urls import path

from retention_center.auth import key_pages
from retention_center.pages import audit_pages, health_page, saved_views, style, views

urlpatterns = [
    path("favicon.ico", views.favicon, name="favicon"),
    path("search/", views.search_page, name="search"),
    path("light/", views.light, name="light"),
    path("health/", health_page.health_page, name="health"),
    path("health/examine", health_page.examine, name="health-examine"),
    path("preferences/theme", views.theme_preference, name="theme"),
    path("preferences/shortcuts", views.shortcut_preference, name="shortcuts"),
    path("views/", saved_views.save_as, name="saved-views"),
    path("views/<str:pk>/", saved_views.save, name="saved-view"),
    path("views/<str:pk>/delete", saved_views.delete, name="saved-view-delete"),
    path("keys/", key_pages.KeyList.as_view(), name="keys"),
    path("keys/new/", key_pages.key_new, name="key-new"),
    path("keys/<str:pk>/", key_pages.key_page, name="key"),
    path("keys/<str:pk>/rotate/", key_pages.key_rotate, name="key-rotate"),
    path("keys/<str:pk>/revoke/", key_pages.key_revoke, name="key-revoke"),
    path("audit/", audit_pages.AuditList.as_view(), name="audit"),
    path("audit/<str:pk>/", audit_pages.audit_event, name="audit-event"),
    path("history/<slug:object_type>/<str:pk>/", audit_pages.thing_history, name="history"),
    path("style/", style.style_page, name="style"),
]
