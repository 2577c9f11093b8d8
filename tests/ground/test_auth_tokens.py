"""The Auth Center's tokens: which are believed, and which are not."""

import json
import threading
from collections.abc import Iterator

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from django.core.cache import cache

from retention_center import checks
from retention_center.auth import jwks, tokens
from retention_center.lib import clock
from retention_center.tasks import fetch_keys
from tests.ground import auth_center
from tests.ground.auth_center import EC_KEY, OTHER_KEY, RSA_KEY, SECRET, Publisher, token

PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.fixture
def by_secret(settings) -> None:
    settings.AUTH_CENTER_JWT_SECRET = SECRET
    settings.AUTH_CENTER_ISSUER, settings.AUTH_CENTER_AUDIENCE = "https://auth.example.com", "retention"


@pytest.fixture
def by_public_key(settings) -> None:
    settings.AUTH_CENTER_PUBLIC_KEY = PUBLIC_PEM.decode()


@pytest.fixture
def publisher(settings) -> Iterator[Publisher]:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}  # what processes share
    cache.clear()
    jwks.forget()
    with auth_center.serving() as publisher:
        settings.AUTH_CENTER_JWKS_URL = publisher.url
        yield publisher
    jwks.forget()


def good(**changes) -> str:
    return token(**({"iss": "https://auth.example.com", "aud": "retention"} | changes))


def now() -> int:
    return int(clock.now().timestamp())


def test_a_good_token_tells_who_it_is(by_secret):
    told = tokens.verify(good())
    assert (told.subject, told.email, told.name, told.role) == ("ac-1", "amara@example.com", "Amara Okafor", "operator")


def test_a_clock_may_be_half_a_minute_off(by_secret):
    assert tokens.verify(good(exp=now() - 20))
    assert tokens.verify(good(iat=now() + 20, nbf=now() + 20))


BAD = {
    "empty": lambda: "",
    "no token": lambda: "abc",
    "two parts": lambda: "a.b",
    "too long": lambda: "a" * 20_000,
    "not ascii": lambda: "é.é.é",
    "expired": lambda: good(exp=now() - 60),
    "no expiry": lambda: good(exp=None),
    "expiry is no number": lambda: good(exp="tomorrow"),
    "expiry beyond all time": lambda: good(exp=10**18),
    "not yet valid": lambda: good(nbf=now() + 600),
    "issued in the future": lambda: good(iat=now() + 600),
    "no time of issue": lambda: good(iat=None),
    "time of issue is no number": lambda: good(iat="yesterday"),
    "issued days ago, and still not expired": lambda: good(iat=now() - 25 * 3600),
    "a token of another type": lambda: good(headers={"typ": "logout+jwt"}),
    "type is no text": lambda: good(headers={"typ": 7}),
    "no subject": lambda: good(sub=None),
    "subject is a number": lambda: jwt.encode(auth_center.claims() | {"sub": 7}, SECRET),
    "empty subject": lambda: good(sub=""),
    "long subject": lambda: good(sub="x" * 256),
    "subject with NUL": lambda: good(sub="a\x00"),
    "foreign issuer": lambda: good(iss="https://evil.example.com"),
    "issuer's beginning": lambda: good(iss="https://auth.example.com.evil.com"),
    "no issuer": lambda: good(iss=None),
    "foreign audience": lambda: good(aud="billing"),
    "no audience": lambda: good(aud=None),
    "other secret": lambda: good(key="x" * 64),
    "no signature": lambda: jwt.encode(auth_center.claims(), None, "none"),
    "signature cut": lambda: good()[:-4],
    "other algorithm of the same family": lambda: good(algorithm="HS512"),
    "signed by a key pair": lambda: good(key=RSA_KEY, algorithm="RS256"),
    "unknown critical header": lambda: good(headers={"crit": ["x"], "x": 1}),
    "payload is a list": lambda: jwt.api_jws.encode(b"[1]", SECRET, "HS256"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(by_secret, name):
    with pytest.raises(tokens.BadToken):
        tokens.verify(BAD[name]())


def test_a_token_cannot_choose_its_algorithm(by_public_key, settings):
    assert tokens.verify(token(RSA_KEY, "RS256"))
    for key, algorithm in [(OTHER_KEY, "RS256"), (EC_KEY, "ES256"), ("x" * 64, "HS256")]:
        with pytest.raises(tokens.BadToken):
            tokens.verify(token(key, algorithm))


def test_a_public_key_is_never_taken_for_a_shared_secret(by_public_key, settings):
    settings.AUTH_CENTER_ALGORITHMS = ["HS256", "RS256"]
    assert tokens.algorithms() == ("RS256",)
    forged = jwt.api_jws.PyJWS()
    forged._algorithms["HS256"].prepare_key = lambda key: key  # PyJWT itself refuses to forge this
    with pytest.raises(tokens.BadToken):
        tokens.verify(forged.encode(jwt.utils.force_bytes('{"sub":"a","exp":9999999999}'), PUBLIC_PEM, "HS256"))


def test_nothing_is_believed_when_no_way_to_verify_is_set():
    with pytest.raises(tokens.BadToken):
        tokens.verify(token())


@pytest.mark.parametrize(
    ("claim", "role"),
    [
        ("admin", "admin"),
        ("ADMIN ", "admin"),
        (["viewer", "operator"], "operator"),
        (["something", "viewer"], "viewer"),
        (["admin", 7, None], "admin"),
        ("root", "viewer"),
        (None, "viewer"),
        ({"admin": True}, "viewer"),
        (7, "viewer"),
        ([], "viewer"),
    ],
)
def test_the_highest_known_role_counts(by_secret, claim, role):
    assert tokens.verify(good(role=claim)).role == role


def test_the_role_stands_in_the_claim_that_settings_name(by_secret, settings):
    settings.AUTH_ROLE_CLAIM, settings.AUTH_DEFAULT_ROLE = "groups", "operator"
    assert tokens.verify(good(role="viewer", groups=["admin"])).role == "admin"
    assert tokens.verify(good(role="admin")).role == "operator"


def test_published_keys_are_fetched_once(publisher):
    publisher.publish(one=RSA_KEY, two=EC_KEY)
    for _ in range(5):
        assert tokens.verify(token(RSA_KEY, "RS256", {"kid": "one"}))
        assert tokens.verify(token(EC_KEY, "ES256", {"kid": "two"}))
    assert publisher.asked == 1


def test_a_single_published_key_needs_no_id(publisher):
    publisher.publish(one=RSA_KEY)
    assert tokens.verify(token(RSA_KEY, "RS256"))


@pytest.mark.parametrize("kid", ["unknown", "../one", "", 7])
def test_unknown_key_ids_flood_nobody(publisher, kid):
    publisher.publish(one=RSA_KEY, two=EC_KEY)
    for _ in range(20):
        with pytest.raises(tokens.BadToken):
            tokens.verify(jwt.encode(auth_center.claims(), OTHER_KEY, "RS256", headers={"kid": str(kid)}))
    assert publisher.asked == 2  # the set, and once more whether it has that key by now


def test_many_requests_at_once_fetch_once(publisher):
    publisher.publish(one=RSA_KEY)
    publisher.delay = 0.3
    good_token, seen = token(RSA_KEY, "RS256", {"kid": "one"}), []
    threads = [threading.Thread(target=lambda: seen.append(tokens.verify(good_token).subject)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (seen, publisher.asked) == (["ac-1"] * 8, 1)


class Alone(jwks.Others):
    """No other process ever fetches, or has fetched, anything."""

    def told(self) -> None:
        return None

    def begin(self, reason: str) -> bool:
        return True


class Watch:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_a_new_key_is_found_at_once_and_the_next_after_the_pause(publisher):
    watch = Watch()
    keys = jwks.KeySet(publisher.url, watch, Alone)
    publisher.publish(old=RSA_KEY)
    keys.key("old")
    publisher.publish(new=OTHER_KEY)
    assert keys.key("new")  # at once, though the set is fresh
    with pytest.raises(jwks.Unavailable):
        keys.key("old")
    publisher.publish(newest=RSA_KEY)
    with pytest.raises(jwks.Unavailable):
        keys.key("newest")
    watch.at += jwks.RETRY_SECONDS
    assert keys.key("newest")


def test_old_keys_serve_for_a_day_while_the_auth_center_is_down(publisher):
    watch = Watch()
    keys = jwks.KeySet(publisher.url, watch, Alone)
    publisher.publish(one=RSA_KEY)
    keys.key("one")
    publisher.status = 503
    for _ in range(20):
        watch.at += jwks.FRESH_SECONDS
        assert keys.key("one")
    asked = publisher.asked
    for _ in range(20):
        assert keys.key("one")
    assert publisher.asked == asked  # no flood within the pause
    watch.at += jwks.STALE_SECONDS
    with pytest.raises(jwks.Unavailable):
        keys.key("one")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"keys": 7}',
        b'{"keys": [7, {"kty": "oct", "k": "AAAA"}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-0", "x": "", "y": ""}]}',
        b"[" * 100_000,
        b"x" * 300_000,
    ],
)
def test_a_set_that_cannot_be_read_is_no_set(publisher, body):
    publisher.body = body
    with pytest.raises(tokens.BadToken):
        tokens.verify(token(RSA_KEY, "RS256", {"kid": "one"}))


def test_an_auth_center_that_cannot_be_reached_means_no(publisher, settings):
    settings.AUTH_CENTER_JWKS_URL = "http://127.0.0.1:9/none"
    with pytest.raises(tokens.BadToken):
        tokens.verify(token(RSA_KEY, "RS256", {"kid": "one"}))


def test_strangers_key_ids_make_a_handful_of_fetches_while_the_center_is_down(publisher):
    publisher.status = 503
    for number in range(20):
        with pytest.raises(tokens.BadToken):
            tokens.verify(token(RSA_KEY, "RS256", {"kid": f"made-up-{number}"}))
    assert publisher.asked == 1


def test_a_fetch_that_drips_ends_after_three_seconds(publisher, monkeypatch):
    publisher.publish(one=RSA_KEY)
    publisher.delay = 0.3
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.05)
    with pytest.raises(tokens.BadToken):
        tokens.verify(token(RSA_KEY, "RS256", {"kid": "one"}))


def test_what_one_process_fetched_the_others_take(publisher):
    publisher.publish(one=RSA_KEY)
    first, second = jwks.KeySet(publisher.url), jwks.KeySet(publisher.url)
    first.key("one")
    publisher.status = 503
    assert second.key("one")
    assert publisher.asked == 1


def test_one_process_fetches_while_the_others_wait_for_it(publisher):
    publisher.publish(one=RSA_KEY)
    publisher.delay = 0.3
    processes, seen = [jwks.KeySet(publisher.url) for _ in range(4)], []
    threads = [threading.Thread(target=lambda keys=keys: seen.append(keys.key("one"))) for keys in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(seen), publisher.asked) == (4, 1)


def test_while_the_center_is_down_all_processes_together_ask_once_in_a_while(publisher):
    publisher.status = 503
    for _ in range(4):
        with pytest.raises(jwks.Unavailable):
            jwks.KeySet(publisher.url).key("one")
    assert publisher.asked == 1


def test_nobody_waits_for_ever_for_a_process_that_died_fetching(publisher, monkeypatch):
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.1)
    jwks.Others(publisher.url).begin("old")
    with pytest.raises(jwks.Unavailable):
        jwks.KeySet(publisher.url).key("one")
    assert publisher.asked == 0


def test_a_process_with_an_older_key_does_not_wait_for_another_process(publisher):
    watch = Watch()
    publisher.publish(one=RSA_KEY)
    keys = jwks.KeySet(publisher.url, watch)
    keys.key("one")
    cache.clear()
    jwks.Others(publisher.url).begin("old")
    watch.at += jwks.FRESH_SECONDS
    assert keys.key("one")


def test_keys_of_a_kind_we_cannot_use_stand_beside_those_we_can(publisher):
    odd = [{"kty": "RSA", "alg": "RSA-OAEP", "kid": "odd", "n": "AQAB", "e": "AQAB"}, {"kty": "EC", "crv": "P-0"}]
    publisher.body = json.dumps({"keys": odd + auth_center.key_set(one=RSA_KEY)["keys"]}).encode()
    assert tokens.verify(token(RSA_KEY, "RS256", {"kid": "one"}))


def test_keys_come_by_no_redirect(publisher):
    publisher.publish(one=RSA_KEY)
    publisher.status = 302
    with pytest.raises(tokens.BadToken):
        tokens.verify(token(RSA_KEY, "RS256", {"kid": "one"}))


def test_keys_over_plain_http_are_not_even_asked_for(settings):
    assert jwks.fetch("http://auth.example.com/jwks.json") is None


def test_a_set_that_drips_in_ends_with_its_time(publisher, monkeypatch):
    publisher.body = b" " * 100_000  # in several parts, each of them in time
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 1.0)
    ticks = iter(range(100))
    monkeypatch.setattr(clock, "monotonic", lambda: float(next(ticks)))
    assert jwks.fetch(publisher.url) is None


def test_the_worker_fetches_ahead_of_everybody(publisher):
    publisher.publish(one=RSA_KEY, two=EC_KEY)
    assert fetch_keys() == {"keys": 2}
    assert jwks.KeySet(publisher.url).key("two")
    assert publisher.asked == 1
    publisher.status = 503
    assert fetch_keys() == {"keys": 0}
    assert jwks.KeySet(publisher.url).key("one")  # what there was is kept


def test_without_an_address_the_worker_asks_nobody():
    assert fetch_keys() == {"keys": 0}


def test_a_rotated_key_is_found_though_others_share_the_old_set(publisher):
    publisher.publish(old=RSA_KEY)
    fetch_keys()
    publisher.publish(old=RSA_KEY, new=OTHER_KEY)
    assert jwks.KeySet(publisher.url).key("new")


def test_whoever_has_an_older_key_does_not_wait_for_the_fetch(publisher):
    watch = Watch()
    keys = jwks.KeySet(publisher.url, watch, Alone)
    publisher.publish(one=RSA_KEY)
    keys.key("one")
    watch.at += jwks.FRESH_SECONDS
    with keys._lock:  # somebody else is fetching
        assert keys.key("one")


@pytest.mark.parametrize(
    ("url", "is_believed"),
    [
        ("https://auth.example.com/jwks.json", True),
        ("http://127.0.0.1:8080/jwks.json", True),
        ("http://localhost/jwks.json", True),
        ("http://[::1]/jwks.json", True),
        ("http://auth.example.com/jwks.json", False),
        ("http://127.0.0.1.example.com/jwks.json", False),
        ("http://localhost.example.com/jwks.json", False),
        ("ftp://auth.example.com/jwks.json", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_keys_come_by_https_or_from_this_machine(url, is_believed, settings):
    assert jwks.is_trustworthy(url) is is_believed
    settings.AUTH_CENTER_JWKS_URL = url
    said = [one.id for one in checks.auth_center_is_whole()]
    assert ("rc.E005" in said) is (not is_believed and bool(url))
