from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rest_framework.renderers import JSONRenderer

from retention_center.lib import clock
from sequences import forecast, forecast_words
from sequences.api.forecast import ForecastSerializer
from sequences.forecast import CannotForecast
from sequences.models import RetentionSequence


class Command(BaseCommand):
    help = "Dry run of a sequence: who would be contacted, when, on what channel, at what cost. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("sequence", metavar="SEQUENCE", help="The id of a sequence, or its whole name.")
        parser.add_argument("--days", type=int, default=forecast.DEFAULT_DAYS, help="How many days, today included.")

    def handle(self, **options: Any) -> None:
        sequence = _find(options["sequence"])
        try:
            result = forecast.forecast(sequence, options["days"], clock.now())
        except CannotForecast as refusal:
            raise CommandError(str(refusal)) from refusal
        self._tell(sequence, result)
        told = ForecastSerializer(result | {"sequence_id": sequence.pk}).data
        self.stdout.write(JSONRenderer().render(told).decode())

    def _tell(self, sequence: RetentionSequence, result: dict[str, Any]) -> None:
        self.stdout.write(f"{sequence}: {forecast_words.headline(result)}")
        for row in result["days"]:
            channels = ", ".join(f"{name} {count:,}" for name, count in row["by_channel"].items())
            told = f"{row['contacts']:>9,}  {channels}  ({forecast_words.cost(row)})" if channels else f"{0:>9}"
            self.stdout.write(f"  {row['date']}{told}")
        for name in ("held", "blocked", "skipped", "ended"):
            for reason, count in result["totals"][name].items():
                self.stdout.write(f"  {name} {count:,}: {reason}")
        for sentence in result["assumptions"]:
            self.stdout.write(f"  - {sentence}")


def _find(text: str) -> RetentionSequence:
    found = RetentionSequence.objects.filter(pk=text).first()
    named = [found] if found else list(RetentionSequence.objects.filter(name=text)[:2])
    if not named:
        raise CommandError(f"There is no sequence with the id or name “{text}”.")
    if len(named) > 1:
        raise CommandError(f"Several sequences are named “{text}”; give the id.")
    return named[0]
