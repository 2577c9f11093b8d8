"""Two small pages, for tests of who may see them."""

from django.http import HttpResponse
from django.urls import include, path

from retention_center.auth.roles import needs
from retention_center.models import Role


@needs(Role.VIEWER)
def a_page(request):
    return HttpResponse(f"{request.user} {request.user.role}")


@needs(Role.OPERATOR)
def for_operators(request):
    return HttpResponse("done")


urlpatterns = [
    path("a-page/", a_page),
    path("for-operators/", for_operators),
    path("", include("retention_center.urls")),
]
