"""How many contacts each provider's rate lets leave in each minute of a forecast. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


class Lanes:
    """Minutes from ``begins`` on, each with room for what `integrations.pace` would grant in it.

    ``rates`` are calls per second by provider, None for unlimited. A minute's room is what the rate adds up to over
    all minutes so far, so that a rate of less than one a minute is kept as well.
    """

    def __init__(self, rates: Mapping[str, float | None], begins: datetime) -> None:
        self.rates = rates
        self.begins = begins
        self._used: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._skip: dict[str, dict[int, int]] = defaultdict(dict)  # a full minute -> one after it that may have room

    def opens_at(self, provider: str, moment: datetime) -> datetime:
        """``moment`` itself if its minute has room, else the beginning of the first minute that has."""
        rate = self.rates.get(provider)
        if rate is None:
            return moment
        wanted = (moment - self.begins) // MINUTE
        minute = self._first_free(provider, wanted, rate)
        return moment if minute == wanted else self.begins + minute * MINUTE

    def take(self, provider: str, moment: datetime) -> None:
        """A contact leaves in that minute."""
        if self.rates.get(provider) is not None:
            self._used[provider][(moment - self.begins) // MINUTE] += 1

    def _first_free(self, provider: str, wanted: int, rate: float) -> int:
        used, skip = self._used[provider], self._skip[provider]
        passed, minute = [], wanted
        while True:
            if minute in skip:
                passed.append(minute)
                minute = skip[minute]
            elif used[minute] >= _room(rate, minute):
                passed.append(minute)
                minute += 1
            else:
                break
        for full in passed:  # whoever asks next jumps over all of them at once
            skip[full] = minute
        return minute


def _room(rate: float, minute: int) -> int:
    return int(rate * 60 * (minute + 1)) - int(rate * 60 * minute)
