"""What every provider proves against its own outside on loopback; a new one inherits it (docs/adding-a-provider.md).

Its test class names the adapter, a config, what a message it takes looks like, and how its outside is made to fail.
Whatever it leaves out of ``ways`` it cannot do at all, and is skipped.
"""

import json
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from django.conf import settings as configured
from django.utils.module_loading import import_string

from campaigns.models import ContactAttempt
from campaigns.reasons import Reason
from integrations.catalogue import PROVIDERS
from integrations.models import KIND_WORDS
from integrations.providers.base import Message, NotSent, OutcomeUnknown, Provider, Receipt
from retention_center.lib import clock
from retention_center.lib.channels import Channel

REFUSES, NOT_NOW, WAIT, NOBODY = "refuses this one", "not now", "asks to wait", "refuses everybody"
STUMBLES, DROPS, SILENT, BABBLES = "stumbles", "hangs up", "stays silent", "talks nonsense"
LOST = (STUMBLES, DROPS, SILENT, BABBLES)
SECONDS = 1.0  # of a call


class AdapterContract:
    adapter: ClassVar[type[Provider]]
    config: ClassVar[Mapping[str, Any]]
    fields: ClassVar[Mapping[str, Any]]  # of a message
    ways: ClassVar[Mapping[str, Callable[[Any], None]]] = {}

    def at(self, outside: Any) -> dict[str, Any]:
        """What the config says of where the outside is, if it does."""
        return {}

    def nowhere(self, outside: Any, settings: Any, url: str) -> dict[str, Any]:
        """Lead the adapter to where nobody listens: the config for it, and "message" for a message's fields."""
        raise NotImplementedError

    def well(self, outside: Any) -> None:
        """Make it work again."""

    def arrived(self, outside: Any) -> int:
        """How many messages the outside took."""
        raise NotImplementedError

    # What is promised ------------------------------------------------------------------------------------------------

    def test_it_is_named_and_can_be_set_up(self) -> None:
        name = self.adapter.name
        assert import_string(configured.PROVIDERS[name]) is self.adapter
        assert set(self.adapter.channels) <= set(Channel.values)
        assert self.adapter.channels
        assert {key for key in self.config if key not in {option.key for option in PROVIDERS[name].options}} == set()

    def test_a_message_is_taken_once_and_has_a_reference_of_its_own(self, outside: Any, settings: Any) -> None:
        provider = self._open(outside, settings)
        first, second = provider.send(self._message(1)), provider.send(self._message(2))
        self._is_sound(first)
        assert first.reference != second.reference
        assert self.arrived(outside) == 2
        provider.close()
        provider.close()

    def test_threads_may_send_at_once(self, outside: Any, settings: Any) -> None:
        provider = self._open(outside, settings)
        with ThreadPoolExecutor(max(self.adapter.parallel, 1)) as pool:
            sent = list(pool.map(lambda number: provider.send(self._message(number)), range(8)))
        assert len({receipt.reference for receipt in sent}) == self.arrived(outside) == 8
        provider.close()

    @pytest.mark.parametrize("way", [REFUSES, NOT_NOW, WAIT, NOBODY])
    def test_what_it_refuses_was_certainly_not_sent(self, outside: Any, settings: Any, way: str) -> None:
        self._turn(outside, way)
        refusal = self._refused(self._open(outside, settings))
        assert (refusal.retry_after is not None) == (way == WAIT)
        assert refusal.account_wide == (way == NOBODY)
        assert refusal.permanent == (way == REFUSES)
        assert (refusal.retry_after or 1) >= 1
        self.well(outside)
        self._open(outside, settings).send(self._message(2))

    def test_where_nobody_listens_nothing_was_sent(self, outside: Any, settings: Any) -> None:
        if not self.adapter.parallel:
            pytest.skip("It answers in this process.")
        refusal = self._refused(*self._unplugged(outside, settings))
        assert (refusal.reason, refusal.permanent) == ("not_handed_over", False)
        assert not refusal.account_wide

    @pytest.mark.parametrize("way", LOST)
    def test_a_lost_answer_leaves_it_open_and_in_time(self, outside: Any, settings: Any, way: str) -> None:
        self._turn(outside, way)
        settings.CALL_SECONDS, began = SECONDS, time.monotonic()
        with pytest.raises(OutcomeUnknown) as unknown:
            self._open(outside, settings).send(self._message(1))
        assert time.monotonic() - began < SECONDS + 1
        self._says_no_secret(unknown.value)

    @pytest.mark.parametrize("way", [DROPS, SILENT, BABBLES])
    def test_what_went_out_all_the_same_is_found_by_our_key(self, outside: Any, settings: Any, way: str) -> None:
        if not self.adapter.is_searchable:
            pytest.skip("It cannot be searched.")
        self._turn(outside, way)
        settings.CALL_SECONDS = SECONDS
        provider, called_at = self._open(outside, settings), clock.now()
        with pytest.raises(OutcomeUnknown):
            provider.send(self._message(1))
        self.well(outside)
        found = provider.find(self._message(1, called_at=called_at))
        assert found is not None
        self._is_sound(found)
        assert provider.find(self._message(2, called_at=called_at)) is None

    def test_a_look_up_that_fails_is_no_proof_of_absence(self, outside: Any, settings: Any) -> None:
        if not self.adapter.is_searchable or STUMBLES not in self.ways:
            pytest.skip("It cannot be searched, or never fails.")
        with pytest.raises((OutcomeUnknown, NotSent)):
            self._unplugged(outside, settings)[0].find(self._message(1, called_at=clock.now()))

    def test_what_became_of_it_can_be_asked(self, outside: Any, settings: Any) -> None:
        if not self.adapter.can_be_asked:
            pytest.skip("It cannot be asked.")
        provider = self._open(outside, settings)
        reference = provider.send(self._message(1)).reference
        report = provider.look(reference)
        assert report is not None
        assert report.kind in KIND_WORDS
        assert report.facts["status"] in ContactAttempt.Status
        assert provider.look(reference[:-4] + "dead") is None
        with pytest.raises((OutcomeUnknown, NotSent)):
            self._unplugged(outside, settings)[0].look(reference)

    def test_its_connection_is_tested_in_a_sentence(self, outside: Any, settings: Any) -> None:
        said = self._open(outside, settings).check()
        assert said.endswith(".")
        if not self.adapter.parallel:
            return
        with pytest.raises(NotSent) as refusal:
            self._unplugged(outside, settings)[0].check()
        self._says_no_secret(refusal.value)

    # How it is proved ------------------------------------------------------------------------------------------------

    def _open(self, outside: Any, settings: Any) -> Provider:
        return self.adapter({**self.config, **self.at(outside)})

    def _unplugged(self, outside: Any, settings: Any) -> tuple[Provider, dict[str, Any]]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        changed = self.nowhere(outside, settings, url)
        fields = changed.pop("message", {})
        return self.adapter({**self.config, **self.at(outside), **changed}), fields

    def _message(self, number: int, **fields: Any) -> Message:
        own = {name: value.format(number) if isinstance(value, str) else value for name, value in self.fields.items()}
        ours = {"key": f"work-{number}:1", "work_id": f"work-{number}", "attempt_id": f"A{number}", "lead_id": "L1"}
        return Message(**{**ours, "channel": self.adapter.channels[0], **own, **fields})

    def _turn(self, outside: Any, way: str) -> None:
        if way not in self.ways:
            pytest.skip(f"It never {way}.")
        self.ways[way](outside)

    def _refused(self, provider: Provider, fields: Mapping[str, Any] | None = None) -> NotSent:
        with pytest.raises(NotSent) as refusal:
            provider.send(self._message(1, **fields or {}))
        assert refusal.value.reason in Reason
        self._says_no_secret(refusal.value)
        return refusal.value

    def _says_no_secret(self, error: Exception) -> None:
        """Nor whom it was for: what it says is kept, and shown."""
        secret = {option.key for option in PROVIDERS[self.adapter.name].options if option.is_secret}
        private = [str(self.config[key]) for key in secret if self.config.get(key)] + [self._message(1).to]
        assert not [each for each in private if each and each in str(error)]

    def _is_sound(self, receipt: Receipt) -> None:
        assert receipt.reference
        assert len(receipt.reference) <= 255
        json.dumps(dict(receipt.result))
        assert receipt.cost is None or (isinstance(receipt.cost, Decimal) and receipt.currency)
