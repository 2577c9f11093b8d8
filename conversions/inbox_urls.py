"""Addresses of the inbox."""

from django.urls import path

from conversions import inbox_views as views

urlpatterns = [
    path("inbox/", views.InboxList.as_view(), name="inbox"),
    path("inbox/<str:pk>/", views.event_page, name="inbox-event"),
    path("inbox/<str:pk>/replay/", views.event_replay, name="inbox-replay"),
    path("inbox/<str:pk>/link/", views.event_link, name="inbox-link"),
]
