"""What a step's conditions mean, what is taken of them, and how they are said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_center.models import AuditEvent
from sequences.condition_words import in_words
from sequences.conditions import (
    OPS,
    RESULTS,
    BadConditions,
    ConditionFacts,
    checked,
    first_unmet,
    holds,
    results_of,
    split,
)
from tests.builders import make_script, make_sequence

FACTS = ConditionFacts(
    status="CONTACTED",
    source="CRM",
    meta={"plan": "Gold", "age": 30, "vip": True, "tags": ["spring", "vip"], "empty": "", "home": {"city": "Riga"}},
    converted=False,
    results={"hello": frozenset({"sent", "delivered", "clicked"}), "left-out": frozenset()},
)


def condition(field, op, value=None):
    return {"field": field, "op": op, "value": value}


@pytest.mark.parametrize(
    ("field", "op", "value", "expected"),
    [
        ("status", "is", "CONTACTED", True),
        ("status", "is", "NEW", False),
        ("status", "is_not", "NEW", True),
        ("status", "is_not", "CONTACTED", False),
        ("status", "in", ["NEW", "CONTACTED"], True),
        ("status", "in", ["NEW"], False),
        ("status", "exists", True, True),
        ("status", "exists", False, False),
        ("source", "is", "CRM", True),
        ("source", "is", "crm", True),
        ("source", "is_not", "CRM", False),
        ("source", "is_not", "API", True),
        ("source", "in", ["API", "CRM"], True),
        ("source", "in", ["API"], False),
        ("source", "exists", True, True),
        ("source", "exists", False, False),
        ("meta.plan", "is", "gold", True),
        ("meta.plan", "is_not", "gold", False),
        ("meta.plan", "in", ["silver", "gold"], True),
        ("meta.plan", "exists", True, True),
        ("meta.age", "is", 30, True),
        ("meta.age", "is", "30", True),
        ("meta.age", "is", 30.0, True),
        ("meta.age", "is_not", 31, True),
        ("meta.vip", "is", True, True),
        ("meta.tags", "is", "spring", True),
        ("meta.tags", "is_not", "summer", True),
        ("meta.tags", "in", ["summer", "vip"], True),
        ("meta.home.city", "is", "Riga", True),
        ("meta.home", "exists", True, True),
        ("meta.home", "is", "Riga", False),
        ("meta.empty", "exists", True, False),
        ("meta.empty", "exists", False, True),
        ("meta.nothing", "is", "x", False),
        ("meta.nothing", "is_not", "x", True),
        ("meta.nothing", "in", ["x"], False),
        ("meta.nothing", "exists", None, False),
        ("meta.nothing", "exists", False, True),
        ("converted", "is", False, True),
        ("converted", "is", True, False),
        ("converted", "is_not", True, True),
        ("converted", "is_not", False, False),
        ("converted", "in", [True, False], True),
        ("converted", "in", [True], False),
        ("converted", "exists", True, False),
        ("converted", "exists", False, True),
        ("step.hello.result", "is", "clicked", True),
        ("step.hello.result", "is", "sent", True),  # what was clicked was also sent
        ("step.hello.result", "is", "replied", False),
        ("step.hello.result", "is_not", "clicked", False),
        ("step.hello.result", "is_not", "failed", True),
        ("step.hello.result", "in", ["replied", "clicked"], True),
        ("step.hello.result", "in", ["failed"], False),
        ("step.hello.result", "exists", True, True),
        ("step.hello.result", "exists", False, False),
        ("step.left-out.result", "is_not", "sent", True),
        ("step.left-out.result", "exists", True, False),
        ("step.never-reached.result", "is", "sent", False),
        ("step.never-reached.result", "is_not", "sent", True),
        ("step.never-reached.result", "exists", False, True),
    ],
)
def test_each_field_is_compared_by_each_op(field, op, value, expected):
    assert holds([condition(field, op, value)], FACTS) is expected


def test_all_conditions_must_hold_and_the_first_that_does_not_is_named():
    met, unmet = condition("status", "is", "CONTACTED"), condition("source", "is", "API")
    assert holds([met, met], FACTS)
    assert not holds([met, unmet], FACTS)
    assert first_unmet([met, unmet, unmet], FACTS) == [unmet]
    assert first_unmet([met], FACTS) == []
    assert holds([], FACTS)


@pytest.mark.parametrize(
    "unreadable",
    [
        "status",
        7,
        {"field": "status"},
        [None],
        [[]],
        [{}],
        [condition("colour", "is", "red")],
        [condition("status", "like", "N")],
    ],
)
def test_what_cannot_be_read_does_not_hold(unreadable):
    assert not holds(unreadable, FACTS)
    assert len(first_unmet(unreadable, FACTS)) == 1


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**4000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELD = st.sampled_from(["status", "source", "converted", "meta.a", "meta.a.b", "step.k.result"]) | ANYTHING
CONDITION = st.fixed_dictionaries({"field": FIELD, "op": st.sampled_from(OPS) | ANYTHING, "value": ANYTHING}) | ANYTHING


@given(
    st.lists(CONDITION, max_size=4) | ANYTHING, st.dictionaries(st.sampled_from(["a", "b", "c"]), ANYTHING) | ANYTHING
)
def test_no_condition_and_no_lead_can_break_the_judgement(conditions, meta):
    facts = ConditionFacts(status="NEW", source="CRM", meta=meta, results={"k": frozenset({"sent"})})
    assert holds(conditions, facts) is (first_unmet(conditions, facts) == [])
    assert isinstance(in_words(conditions, {"k": 1}), str)


@given(st.lists(CONDITION, max_size=4) | ANYTHING)
def test_what_is_taken_is_kept_as_it_was_understood(conditions):
    try:
        kept = checked(conditions, {"k"})
    except BadConditions:
        return
    assert checked(kept, {"k"}) == kept
    assert "cannot be read" not in in_words(kept, {"k": 1})


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("status is NEW", "Conditions are a list"),
        ([condition("status", "is", "NEW")] * 21, "at most 20 conditions; these are 21"),
        (["status"], "Condition 1: it is an object with field, op and value"),
        ([condition("status", "is", "NEW") | {"or": 1}], "Condition 1: it is an object"),
        ([condition("status", "is", "NEW"), condition("colour", "is", "red")], "Condition 2: its field is status"),
        ([condition("meta.", "is", "red")], "say which meta field, such as meta.plan."),
        ([condition("step.result", "is", "sent")], "its field is status"),
        ([condition("status", "like", "NEW")], "its op must be one of is, is_not, in, exists."),
        ([condition("status", "is", "Tired")], "a lead's status is NEW, CONTACTED,"),
        ([condition("status", "is")], "a lead's status is"),
        ([condition("status", "in", "NEW")], "a list of 1 to 50 values"),
        ([condition("status", "in", [])], "a list of 1 to 50 values"),
        ([condition("status", "exists", "yes")], "true or false"),
        ([condition("status", "exists", 1)], "true or false"),
        ([condition("converted", "is", "yes")], "converted is true or false"),
        ([condition("source", "is", 3)], "a source is a text"),
        ([condition("source", "is", " ")], "for none, use exists with false"),
        ([condition("meta.plan", "is", {"a": 1})], "a text, a number, true or false"),
        ([condition("meta.plan", "is", float("inf"))], "a text, a number, true or false"),
        ([condition("step.hello.result", "is", "opened")], "sent, delivered, replied, clicked, failed, answered"),
        ([condition("step.later.result", "is", "sent")], "“later”, which does not stand before this one"),
    ],
)
def test_a_condition_that_makes_no_sense_is_named_in_one_sentence(given, word):
    with pytest.raises(BadConditions, match=re.escape(word)) as bad:
        checked(given, {"hello"})
    assert len(bad.value.sentences) == 1
    assert bad.value.sentences[0].endswith(".")


@pytest.mark.parametrize(
    ("status", "attempt", "expected"),
    [
        ("SENT", ("SENT", False, {}), {"sent"}),
        ("DELIVERED", ("DELIVERED", False, {}), {"sent", "delivered"}),
        ("DELIVERED", ("SUCCESS", False, {"replied": True}), {"sent", "delivered", "replied"}),
        ("SENT", ("SENT", False, {"clicked": True}), {"sent", "delivered", "clicked"}),
        ("SENT", ("SENT", False, {"clicked": False, "auto_replied": True}), {"sent"}),
        ("FAILED", ("FAILED", False, {}), {"sent", "failed"}),  # taken, and then not delivered
        ("FAILED", ("BOUNCED", False, {"bounced": True}), {"sent", "failed"}),
        ("FAILED", ("UNKNOWN", False, {}), {"failed"}),
        ("DELIVERED", ("DELIVERED", False, {"bounced": True}), {"sent", "delivered"}),  # proof of arrival wins
        ("SKIPPED", (None, None, None), set()),
        ("SKIPPED", ("FAILED", True, {}), {"failed"}),  # refused twice, then left out
        ("SENT", (None, None, None), {"sent"}),  # its attempt is gone
        ("DELIVERED", ("SUCCESS", False, {"outcome": "answered"}), {"sent", "delivered", "answered"}),
        ("DELIVERED", ("DELIVERED", False, {"outcome": "voicemail"}), {"sent", "delivered", "voicemail"}),
        ("DELIVERED", ("DELIVERED", False, {"outcome": "dropped"}), {"sent", "delivered", "dropped"}),
        ("FAILED", ("FAILED", False, {"outcome": "no_answer"}), {"sent", "failed", "no_answer"}),
        ("FAILED", ("FAILED", False, {"outcome": "busy"}), {"sent", "failed", "busy"}),
        ("FAILED", ("FAILED", False, {"outcome": "transient"}), {"sent", "failed"}),
    ],
)
def test_what_came_of_a_step_follows_from_its_execution_and_its_attempt(status, attempt, expected):
    assert results_of(status, *attempt) == expected
    assert expected <= set(RESULTS)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ([], "Always"),
        ([condition("step.one.result", "is_not", "clicked")], "If step 1 was not clicked"),
        ([condition("step.three.result", "is_not", "replied")], "If no reply to step 3"),
        ([condition("step.three.result", "is", "replied")], "If step 3 got a reply"),
        ([condition("step.one.result", "is", "failed")], "If step 1 failed"),
        ([condition("step.one.result", "in", ["clicked", "replied"])], "If step 1 was clicked or step 1 got a reply"),
        ([condition("step.one.result", "exists", True)], "If step 1 was tried"),
        ([condition("step.one.result", "exists", False)], "If step 1 was left out"),
        ([condition("step.gone.result", "is", "sent")], "If a removed step was sent"),
        ([condition("status", "is", "CONTACTED")], "If status is Contacted"),
        ([condition("status", "in", ["NEW", "CONTACTED"])], "If status is New or Contacted"),
        ([condition("converted", "is", False)], "If not converted"),
        ([condition("converted", "is_not", False)], "If converted"),
        ([condition("converted", "exists", False)], "If not converted"),
        ([condition("meta.plan", "is_not", "gold")], "If meta.plan is not “gold”"),
        ([condition("meta.plan", "exists", False)], "If meta.plan is blank"),
        ([condition("meta.age", "is", 30)], "If meta.age is 30"),
        (
            [condition("source", "is", "CRM"), condition("step.one.result", "is_not", "clicked")],
            "If source is “CRM” and step 1 was not clicked",
        ),
        ([condition("colour", "is", "red")], "If a condition that cannot be read holds"),
    ],
)
def test_conditions_are_said_in_words(conditions, words):
    assert in_words(conditions, {"one": 1, "three": 3}) == words


def test_a_key_may_hold_dots():
    assert split("step.a.b.result") == ("step", "a.b")
    assert split("meta.a.b") == ("meta", "a.b")


# The API -------------------------------------------------------------------------------------------------------------


def put(api, sequence, *conditions):
    """Two steps with keys of their own, the second with the conditions."""
    script = make_script()
    same = {"channel": "EMAIL", "scriptId": script.pk, "delayValue": 1, "delayUnit": "DAYS"}
    steps = [same | {"key": "hello"}, same | {"key": "again", "conditions": list(conditions)}]
    return api("operator").put(f"/api/sequences/{sequence.pk}/steps", {"steps": steps})


@pytest.mark.django_db
def test_the_api_takes_conditions_gives_them_back_and_keeps_them_over_versions(api):
    sequence = make_sequence(1)
    wanted = [condition("step.hello.result", "is_not", "clicked"), condition("converted", "is", False)]
    answer = put(api, sequence, *wanted, {"field": "meta.plan", "op": "exists"})
    assert answer.status_code == 200, answer.content
    kept = [*wanted, condition("meta.plan", "exists", True)]
    said = api("viewer").get(f"/api/sequences/{sequence.pk}/steps").json()["steps"]
    assert [step["conditions"] for step in said] == [[], kept]
    assert api("operator").put(f"/api/sequences/{sequence.pk}/steps", {"steps": said}).status_code == 200
    sequence.refresh_from_db()
    assert [step.conditions for step in sequence.live_steps()] == [[], kept]


@pytest.mark.django_db
def test_the_api_names_the_step_and_the_condition_that_is_wrong(api):
    sequence = make_sequence(1)
    answer = put(api, sequence, condition("status", "is", "NEW"), condition("step.again.result", "is", "sent"))
    assert answer.status_code == 400
    problem = answer.json()
    assert "Step 2: Condition 2: it speaks of the step “again”" in problem["detail"]
    assert problem["errors"][0]["field"] == "steps.1.conditions"
    sequence.refresh_from_db()
    assert sequence.version == 1


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["status", {"field": "status"}, ["status"], [None], [{}], [[]], 7, None])
def test_conditions_of_another_shape_are_refused_not_stumbled_over(api, wrong):
    step = {"channel": "EMAIL", "scriptId": make_script().pk, "delayValue": 1, "delayUnit": "DAYS", "conditions": wrong}
    answer = api("operator").put(f"/api/sequences/{make_sequence(1).pk}/steps", {"steps": [step]})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith("steps.0.conditions")


@pytest.mark.django_db
def test_the_audit_tells_the_conditions(api):
    sequence = make_sequence(1)
    assert put(api, sequence, condition("status", "is", "NEW")).status_code == 200
    event = AuditEvent.objects.get(object_id=sequence.pk, action="publish steps")
    assert event.after["steps"][1]["conditions"] == [condition("status", "is", "NEW")]
