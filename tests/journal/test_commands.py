import pytest

from genesis_lib.journal.commands import begins_anew, seek_to, sought


def test_a_seek_is_read_back():
    assert sought(seek_to(0)) == 0 and sought(seek_to(4711)) == 4711


@pytest.mark.parametrize("name", ["start", "reset", "seek", "seek x", "seek -1", "now source seek 3", "seeker 3"])
def test_other_commands_are_none(name):
    assert sought(name) is None


def test_after_a_reset_and_after_a_seek_the_account_is_empty():
    assert [begins_anew(name) for name in ("reset", "seek 5", "start", "kill", "restored")] == [True, True] + 3 * [
        False
    ]
