"""Pages to sign in and out: our own form, or the way to the Auth Center and back."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as end_session
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from retention_center import audit
from retention_center.api import problems
from retention_center.auth import people, signing_in, sso, tokens
from retention_center.auth.forms import PasswordForm, SignInForm
from retention_center.models import User
from retention_center.pages.errors import problem_page


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Our form; with an Auth Center, the way there."""
    wanted = signing_in.safe_next(request, request.POST.get("next") or request.GET.get("next"))
    if isinstance(request.user, User):
        return redirect(wanted)
    if sso.is_on():
        return redirect(sso.departure(request, wanted))
    form = SignInForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and form.user is not None:
        signing_in.begin_session(request, form.user)
        return redirect("password" if signing_in.should_change_password(form.user) else wanted)
    status = 429 if form.is_throttled else 422 if form.is_bound else 200
    return render(request, "auth/login.html", {"form": form, "next": wanted}, status=status)


@never_cache
@csrf_exempt  # the Auth Center posts from its own site; the state, good once in this session, stands in for the token
@sensitive_post_parameters("token")
@require_http_methods(["GET", "POST"])
def callback(request: HttpRequest) -> HttpResponse:
    """The Auth Center's return: with its cookie set, or posting ``token``. Never a token in the address."""
    if not sso.is_on():
        raise Http404
    given = request.POST if request.method == "POST" else request.GET
    if sso.comes_from_another_site(request):
        sent = {name: given.get(name, "")[: tokens.LONGEST_TOKEN] for name in ("state", "token")}
        return render(request, "auth/coming_back.html", {"sent": sent})
    wanted = sso.take_state(request, given.get("state", ""))
    if wanted is None:
        return _start_again(request, "This sign-in was begun elsewhere, was used already, or took too long.")
    token = request.POST.get("token") or request.COOKIES.get(settings.AUTH_COOKIE_NAME, "")
    try:
        claims = tokens.verify(token)
        user = people.user_of(claims)
    except tokens.BadToken:
        return _start_again(request, "The Auth Center came back without a valid token.")
    except people.Refused as refusal:
        return problem_page(request, "403", str(refusal), href="/auth/signed-out", action="Back")
    sso.begin(request, user, claims)
    answer = redirect(wanted)
    if "token" in request.POST:
        sso.keep_cookie(answer, token, claims)
    return answer


@never_cache
@require_GET
def token(request: HttpRequest) -> HttpResponse:
    """For our pages' scripts: until when the session lasts, and its role. Never the token itself."""
    if not isinstance(request.user, User):
        return problems.response(401, "Sign in first.", code="not_authenticated")
    claims = sso.claims_of(request) if sso.is_on() else None
    ends = request.session.get_expiry_date()
    if claims is not None:
        ends = min(ends, claims.expires_at)
    return JsonResponse({"expiresAt": ends.isoformat(), "role": request.user.role})


@never_cache
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """End our session and, with an Auth Center, drop its cookie."""
    end_session(request)
    if not sso.is_on():
        return redirect("login")
    answer = redirect("signed-out")
    sso.drop_cookie(answer)
    return answer


@never_cache
@require_GET
def signed_out(request: HttpRequest) -> HttpResponse:
    """A place to stand: the Auth Center may sign in again by itself, so nothing here leads there unasked."""
    return render(request, "auth/signed_out.html")


@never_cache
@sensitive_post_parameters("current", "new", "again")
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Choose a new password; signing in with one that somebody else knows leads here first."""
    if sso.is_on():
        raise Http404
    if not isinstance(request.user, User):
        return redirect("login")
    form = PasswordForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        signing_in.password_changed(request.user, form.cleaned_data["new"])
        update_session_auth_hash(request, request.user)
        audit.record(audit.actor_of(request), "change password", request.user)
        messages.success(request, "Your password is changed.")
        return redirect(settings.LOGIN_REDIRECT_URL)
    is_first = signing_in.should_change_password(request.user)
    status = 422 if form.is_bound else 200
    return render(request, "auth/password.html", {"form": form, "is_first": is_first}, status=status)


def _start_again(request: HttpRequest, happened: str) -> HttpResponse:
    return problem_page(
        request,
        "400",
        happened,
        headline="Sign in once more",
        next_move="Begin again; nothing was changed.",
        href="/auth/login",
        action="Sign in",
    )
