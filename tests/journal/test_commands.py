import pytest

from genesis_lib.journal.commands import acknowledge, acknowledged, begins_anew, seek_to, sought


def test_a_seek_is_read_back():
    assert sought(seek_to(0)) == 0 and sought(seek_to(4711)) == 4711


@pytest.mark.parametrize("name", ["start", "reset", "seek", "seek x", "seek -1", "now source seek 3", "seeker 3"])
def test_other_commands_are_none(name):
    assert sought(name) is None


def test_after_a_reset_and_after_a_seek_the_account_is_empty():
    assert [begins_anew(name) for name in ("reset", "seek 5", "start", "kill", "restored")] == [True, True] + 3 * [
        False
    ]


@pytest.mark.parametrize(("what", "by"), [(3, ""), ("all", "Anna"), ("feed_gap", "Ben of the night by phone")])
def test_an_acknowledgement_is_read_back(what, by):
    assert acknowledged(acknowledge(what, by)) == (str(what), by)


def test_who_it_was_is_one_short_line():
    assert acknowledged(acknowledge(1, " a\nb " + "x" * 99)) == ("1", "a b " + "x" * 60)


@pytest.mark.parametrize(
    "name", ["acknowledge", "acknowledge ", "acknowledge a b", "start", "now source acknowledge 3"]
)
def test_other_commands_acknowledge_nothing(name):
    assert acknowledged(name) is None
