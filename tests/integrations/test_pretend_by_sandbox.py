"""The sandbox: no memory, and the same story about a message every time it is asked."""

import pytest

from integrations.providers.base import Message
from integrations.providers.sandbox import Sandbox, draw


def message(key: str) -> Message:
    return Message(key=key, attempt_id="A", lead_id="L", channel="SMS", to="+12125550100", text="Hello")


def kinds(sandbox: Sandbox, number: int) -> list[str]:
    reports = sandbox.send(message(f"work:{number}")).reports
    return [report.facts.get("status", report.kind) for report in reports]


def test_it_takes_everything_and_reports_nothing_by_itself() -> None:
    receipt = Sandbox({}).send(message("work:1"))
    assert receipt.reference == "sandbox-work:1"
    assert receipt.result == {"sandbox": True}
    assert receipt.reports == ()


def test_a_look_up_tells_what_sending_told() -> None:
    sandbox = Sandbox({"delivered": 0.5, "replied": 0.2, "failed": 0.3})
    for number in range(100):
        assert sandbox.find(message(f"work:{number}")) == Sandbox(sandbox.config).send(message(f"work:{number}"))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"delivered": 1}, ["DELIVERED"]),
        ({"replied": 1}, ["reply"]),
        ({"delivered": 1, "replied": 1}, ["DELIVERED", "reply"]),
        ({"failed": 1, "delivered": 1, "replied": 1}, ["FAILED"]),
        ({"failed": 0, "delivered": 0}, []),
    ],
)
def test_certain_rates_always_happen(config: dict[str, float], expected: list[str]) -> None:
    assert all(kinds(Sandbox(config), number) == expected for number in range(200))


def test_the_rates_are_shares_of_all_messages() -> None:
    sandbox = Sandbox({"delivered": 0.8, "replied": 0.1, "failed": 0.05})
    told = [kinds(sandbox, number) for number in range(10_000)]
    assert 0.04 < sum("FAILED" in each for each in told) / 10_000 < 0.06
    assert 0.78 < sum("DELIVERED" in each for each in told) / 10_000 < 0.82
    assert 0.09 < sum("reply" in each for each in told) / 10_000 < 0.11
    assert all("DELIVERED" in each for each in told if "reply" in each)


def test_lots_are_spread_evenly() -> None:
    lots = [draw(f"work:{number}") for number in range(10_000)]
    assert all(0 <= lot < 1 for lot in lots)
    assert 0.48 < sum(lots) / len(lots) < 0.52
