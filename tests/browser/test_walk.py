"""A walk through every page as it is really seen: light and dark, wide and narrow, by mouse and by keyboard."""

import pytest

from tests.browser.house import addresses, furnish
from tests.browser.watching import Watch

WIDE, NARROW = 1440, 360


@pytest.mark.timeout(600)
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_is_whole(sit_down, admin, as_admin, width, color_scheme):
    pages = addresses(furnish(), as_admin)
    assert len(pages) > 20
    watch = Watch(sit_down(admin, width=width, color_scheme=color_scheme).new_page())
    for address in pages:
        if watch.open(address):
            watch.look_for_barriers()
    assert not watch.problems, "\n".join(watch.problems)


@pytest.mark.timeout(600)
def test_every_page_can_be_walked_by_keyboard(sit_down, admin, as_admin):
    watch = Watch(sit_down(admin).new_page())
    for address in addresses(furnish(), as_admin):
        if watch.open(address):
            watch.walk_by_keyboard()
    assert not watch.problems, "\n".join(watch.problems)


def test_every_empty_page_is_whole(sit_down, admin, as_admin):
    """The first day: nothing to show yet."""
    watch = Watch(sit_down(admin, width=NARROW).new_page())
    for address in addresses({}, as_admin):
        watch.open(address)
    assert not watch.problems, "\n".join(watch.problems)


def test_the_door_is_whole(sit_down):
    watch = Watch(sit_down(width=NARROW).new_page())
    watch.open("/auth/login")
    watch.look_for_barriers()
    watch.walk_by_keyboard()
    assert not watch.problems, "\n".join(watch.problems)


def test_a_viewer_meets_no_error(sit_down, viewer, as_viewer, as_admin):
    pages = [page for page in addresses(furnish(), as_admin) if as_viewer.get(page).status_code not in {403, 404}]
    assert len(pages) > 10
    watch = Watch(sit_down(viewer).new_page())
    for address in pages:
        watch.open(address)
    assert not watch.problems, "\n".join(watch.problems)
