"""Forms to sign in and to choose a password."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate, password_validation
from django.http import HttpRequest

from retention_center.auth import limits
from retention_center.auth.callers import address_of
from retention_center.models import User
from retention_center.pages.forms import PageForm

WRONG = "E-mail and password do not match an account that may sign in."
TOO_OFTEN = "Too many attempts. Wait a minute, then try again."


class SignInForm(PageForm):
    """``user`` is who signed in, once the form is valid; ``is_throttled`` when it was tried too often."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        error_messages={"required": "Enter your e-mail address.", "invalid": "Enter an e-mail address."},
        widget=forms.EmailInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        max_length=1000,
        strip=False,
        error_messages={"required": "Enter your password."},
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    user: User | None = None
    is_throttled = False

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any] | None:
        email, password = self.cleaned_data.get("email"), self.cleaned_data.get("password")
        if not email or not password:
            return None
        address = address_of(self.request)
        if limits.is_exceeded(address, email):
            self.is_throttled = True
            raise forms.ValidationError(TOO_OFTEN, code="throttled")
        found = authenticate(self.request, username=email, password=password)
        if not isinstance(found, User):
            limits.count_failure(address, email)
            raise forms.ValidationError(WRONG, code="wrong")
        limits.clear(address, email)
        self.user = found
        return None


class PasswordForm(PageForm):
    """A new password, typed twice, and the present one."""

    current = forms.CharField(
        label="Present password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    new = forms.CharField(
        label="New password",
        strip=False,
        max_length=1000,
        help_text="At least 10 characters; a few words in a row are good.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="New password once more",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def clean_current(self) -> str:
        if not self.user.check_password(self.cleaned_data["current"]):
            raise forms.ValidationError("This is not your present password.", code="wrong")
        return self.cleaned_data["current"]

    def clean_new(self) -> str:
        new = self.cleaned_data["new"]
        password_validation.validate_password(new, self.user)
        if self.user.check_password(new):
            raise forms.ValidationError("Choose another one than the present password.", code="same")
        return new

    def clean_again(self) -> str:
        again = self.cleaned_data["again"]
        if "new" in self.cleaned_data and again != self.cleaned_data["new"]:
            raise forms.ValidationError("The two new passwords differ.", code="differ")
        return again
