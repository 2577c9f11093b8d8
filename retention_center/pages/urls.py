"""Search, preferences, saved views, and the style page."""

from django.urls import path

from retention_center.pages import health_page, saved_views, style, views

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
    path("style/", style.style_page, name="style"),
]
