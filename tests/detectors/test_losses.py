"""Levels compared at the same prices; a loss lasts through short recoveries and no longer."""

from genesis_lib.detectors.base import Habit
from genesis_lib.detectors.losses import LEARN_NS, LEARN_ROWS, LONGEST_NS, Loss, knows, lost_levels


def test_levels_that_the_touch_passed_and_levels_of_a_lot_are_not_compared():
    then = [(100, 5.0), (99, 4.0), (98, 1.0), (97, 8.0), (80, 9.0)]
    now = [(99, 1.0), (98, 1.0), (97, 8.0), (96, 2.0)]
    assert lost_levels(then, now, 0, 0.4) == (1 / 3, 1 - 10 / 13, 3)
    assert lost_levels(then, now, 0, 0.4, lot=1.0) == (1 / 2, 1 - 10 / 13, 2)
    flipped = [(200 - tick, size) for tick, size in then], [(200 - tick, size) for tick, size in now]
    assert lost_levels(*flipped, 1, 0.4) == lost_levels(then, now, 0, 0.4)
    assert lost_levels(then, [(70, 1.0)], 0, 0.4) == (0.0, 0.0, 0)


def test_a_loss_forgives_a_short_recovery_and_no_more():
    loss = Loss(0, 5.0, 30, side="bid")
    assert loss.was == 5.0 and loss.evidence == {"side": "bid"} and not loss.held(99, 100)
    assert loss.step(50, False) and loss.step(60, True) and not loss.held(200, 100), "there again just now"
    assert loss.step(80, False) and loss.held(100, 100)
    assert loss.step(90, True) and loss.step(100, False), "30 in all"
    assert loss.step(110, True) and not loss.step(111, False), "31 in all"


def test_a_loss_is_not_told_for_ever():
    loss = Loss(0, 1.0, 0)
    assert loss.step(LONGEST_NS, False) and not loss.step(LONGEST_NS + 1, False)


def test_a_habit_must_have_seen_rows_and_time():
    habit = Habit()
    for k in range(LEARN_ROWS):
        assert not knows(habit)
        habit.learn(k * LEARN_NS // (LEARN_ROWS - 1), 1.0)
    assert knows(habit)
