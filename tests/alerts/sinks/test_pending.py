import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.alerts import Notice
from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.alerts.sinks.pending import Pending
from genesis_lib.detectors import SEVERITIES
from genesis_lib.errors import InputError


def letter(number, severity):
    return Letter(Notice(number, "new", "x", severity, 0.0, number, "x."), {})


@given(st.lists(st.sampled_from(SEVERITIES), max_size=40), st.integers(1, 8))
def test_the_worst_stay_and_the_oldest_of_the_least_go(severities, most):
    pending = Pending(most)
    for number, severity in enumerate(severities):
        fits = pending.add(letter(number, severity))
        assert fits == (len(severities[: number + 1]) <= most)
    ranked = sorted(range(len(severities)), key=lambda n: (SEVERITIES.index(severities[n]), n))
    stay = sorted(ranked[max(0, len(severities) - most) :])
    assert [pending.take().letter.notice.id for _ in range(len(pending))] == stay
    assert pending.dropped == len(severities) - len(stay)


def test_what_is_put_back_is_the_next():
    pending = Pending(2)
    pending.add(letter(1, "info"))
    pending.add(letter(2, "info"))
    first = pending.take()
    assert pending.put_back(first) and pending.take() is first
    pending.add(letter(3, "warning"))
    assert not pending.put_back(first), "it is the oldest of the least severe"
    assert [pending.take().letter.notice.id for _ in range(2)] == [2, 3] and pending.dropped == 1


def test_room_for_none_is_no_queue():
    with pytest.raises(InputError, match="at least 1, got 0"):
        Pending(0)
