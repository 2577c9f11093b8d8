"""A page that somebody forgot to give a role."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def roleless(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("secret")


urlpatterns = [path("roleless/", roleless), path("", include("retention_center.urls"))]
