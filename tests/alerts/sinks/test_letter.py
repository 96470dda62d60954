import json
from dataclasses import replace

import pytest


def test_a_replay_is_not_taken_for_the_market(letter):
    one = letter(3, "critical", repeats=2)
    assert one.title == "CRITICAL spoofing simulator:SIMBTC (simulated)"
    assert one.body.splitlines()[0] == "A wall." and "score 70, 2 repeats" in one.body and "Alert 3 of s" in one.body


def test_a_reminder_does_not_say_that_it_goes_on(letter):
    one = letter(3, "critical")
    again = replace(one, notice=replace(one.notice, cause="reminder"))
    assert again.title == "CRITICAL not acknowledged: spoofing simulator:SIMBTC (simulated)"


def test_json_holds_all_of_it(letter):
    told = json.loads(letter().json())
    assert told["id"] == 1 and told["evidence"] == {"side": "bid"} and told["provenance"] == "simulated"
    assert told["time"] == "2023-11-14T22:13:20.000000Z" and b"\n" not in letter().json()


def test_a_number_that_is_none_is_null(letter):
    one = letter()
    one.notice.evidence.update(share=float("nan"), sizes=[1.0, float("inf")])
    told = json.loads(one.json(), parse_constant=lambda word: pytest.fail(word))
    assert told["evidence"] == {"side": "bid", "share": None, "sizes": [1.0, None]}


def test_each_telling_has_its_own_key(letter):
    assert letter(1).key == letter(1).key != letter(2).key
