"""Signing in and out."""

from django.urls import path

from retention_center.auth import views

urlpatterns = [
    path("auth/login", views.login, name="login"),
    path("auth/callback", views.callback, name="auth-callback"),
    path("auth/token", views.token, name="auth-token"),
    path("auth/logout", views.logout, name="logout"),
    path("auth/signed-out", views.signed_out, name="signed-out"),
    path("auth/password", views.password, name="password"),
]
