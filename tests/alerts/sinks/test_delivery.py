"""The threads behind the sinks: nothing waits for it, nothing is lost without being counted, no secret is told."""

from __future__ import annotations

import logging
import threading

import pytest

from genesis_lib.alerts.sinks import Address, Delivery
from genesis_lib.alerts.sinks.targets import Outcome
from genesis_lib.config import load
from genesis_lib.errors import ConfigError

ABOUT = {"session": "s", "instrument": "x:Y", "provenance": "live"}


@pytest.fixture
def deliver(tmp_path):
    made = []

    def make(*sinks, **settings):
        quick = {"sink_timeout_s": 2.0, "sink_longest_wait_s": 0.02, "sink_per_minute": 60_000.0}
        config = load(env={}, alerts={"sinks": sinks, **quick, **settings})
        made.append(Delivery.configured(config.alerts, tmp_path, ABOUT))
        return made[-1]

    yield make
    for one in made:
        one.close(0.0)


def tell(delivery, *notices):
    delivery.hold(notices)
    delivery.release()


def test_nothing_is_sent_before_it_is_durable(deliver, server, notice, until):
    one = server()
    delivery = deliver(f"http://127.0.0.1:{one.port}/")
    delivery.hold([notice(1), notice(2)])
    assert delivery.status()[0]["waiting"] == 0 and one.requests == []
    delivery.release()
    until(lambda: delivery.status()[0]["sent"] == 2)
    assert [body["id"] for body in one.bodies] == [1, 2]


def test_500_then_200_comes_in_order_and_once(deliver, server, notice, answer, until):
    one = server(answer(500), answer(500), answer())
    delivery = deliver(f"http://127.0.0.1:{one.port}/")
    tell(delivery, notice(1), notice(2))
    until(lambda: delivery.status()[0]["sent"] == 2)
    assert [body["id"] for body in one.bodies] == [1, 1, 1, 2] and delivery.status()[0]["retried"] == 2


def test_a_refusing_sink_is_given_up_letter_by_letter(deliver, refused, notice, until):
    delivery = deliver(f"http://127.0.0.1:{refused}/", sink_attempts=3)
    tell(delivery, notice(1), notice(2))
    until(lambda: delivery.status()[0]["given_up"] == 2)
    assert delivery.status()[0]["retried"] == 4 and delivery.status()[0]["failure"] == "ConnectError"


def test_a_pause_is_kept_and_the_others_go_on(deliver, server, notice, answer, until):
    pausing, other = server(answer(429, "Retry-After: 3000")), server()
    delivery = deliver(f"http://127.0.0.1:{pausing.port}/a", f"http://127.0.0.1:{other.port}/b")
    for number in range(1, 6):
        tell(delivery, notice(number))
    until(lambda: delivery.status()[1]["sent"] == 5)
    assert len(pausing.requests) == 1 and delivery.status()[0]["waiting"] == 5


def test_who_closes_in_the_middle_of_an_answer_gets_it_again(deliver, server, notice, answer, until):
    one = server("cut", answer())
    delivery = deliver(f"http://127.0.0.1:{one.port}/")
    tell(delivery, notice(1))
    until(lambda: delivery.status()[0]["sent"] == 1)
    assert len({headers["idempotency-key"] for _, headers, _ in one.requests}) == 1 and len(one.requests) == 2


def test_whoever_tells_waits_for_no_sink(deliver, server, notice, until):
    """A sink that never answers holds one attempt; a thousand notices are taken, and what finds no room is counted."""
    one = server("hang")
    delivery = deliver(f"http://127.0.0.1:{one.port}/", sink_timeout_s=30.0, sink_queue=10)
    tell(delivery, notice(1))
    one.wait(1)
    for number in range(2, 1002):
        tell(delivery, notice(number, "critical" if number % 100 == 0 else "info"))
    (status,) = delivery.status()
    assert len(one.requests) == 1, "nobody has waited for the answer"
    assert status["waiting"] == 11 and status["dropped"] == 990
    delivery.close(0.0)


def test_a_sink_that_hangs_takes_no_other_one_s_time_at_the_end(deliver, server, notice):
    hanging, dripping, other = server("hang"), server("drip"), server()
    sinks = [f"http://127.0.0.1:{one.port}/" for one in (hanging, dripping, other)]
    delivery = deliver(*sinks, sink_timeout_s=30.0)
    tell(delivery, notice(1))
    hanging.wait(1), dripping.wait(1), other.wait(1)
    tell(delivery, notice(2))
    delivery.close(0.5)
    assert [found["sent"] for found in delivery.status()] == [0, 0, 2]


def test_a_sink_that_may_hardly_ever_be_sent_to_waits_and_lives(deliver, server, notice, until):
    one = server()
    delivery = deliver({"url": f"http://127.0.0.1:{one.port}/", "per_minute": 1e-12}, "file")
    tell(delivery, notice(1), notice(2))
    until(lambda: [found["sent"] for found in delivery.status()] == [1, 2])
    assert delivery.status()[0]["waiting"] == 1 and all(thread.is_alive() for thread in delivery._threads)


def test_a_target_that_raises_is_a_failure_without_words(notice, caplog, until):
    class Broken:
        sent = 0

        def send(self, letter):
            self.sent += 1
            if self.sent < 3:
                raise RuntimeError("https://s3cret")
            return Outcome()

        def close(self):
            raise AssertionError("not before the end")

    settings = load(env={}, alerts={"sink_longest_wait_s": 0.01}).alerts
    delivery = Delivery([(Address("https://x"), Broken())], settings, ABOUT)
    caplog.set_level(logging.DEBUG)
    tell(delivery, notice(1))
    until(lambda: delivery.status()[0]["sent"] == 1)
    assert delivery.status()[0]["retried"] == 2
    assert "RuntimeError" in caplog.text and "s3cret" not in caplog.text


def test_at_the_end_what_can_be_sent_is_sent(deliver, server, notice, answer):
    one = server(answer(500), answer(500), answer())
    delivery = deliver(f"http://127.0.0.1:{one.port}/")
    tell(delivery, *(notice(number) for number in range(1, 40)))
    delivery.close(30.0)
    assert delivery.status()[0]["sent"] == 39 and delivery.status()[0]["waiting"] == 0
    tell(delivery, notice(99))
    assert delivery.status()[0]["waiting"] == 0, "after the end nothing is taken"
    delivery.close(30.0)


def test_at_the_end_nobody_waits_for_a_pause(deliver, server, notice, answer, caplog):
    one = server(answer(429, "Retry-After: 3000"))
    delivery = deliver(f"http://127.0.0.1:{one.port}/s3cret")
    tell(delivery, notice(1), notice(2))
    one.wait(1)
    delivery.close(600.0)  # it would take ten minutes if the pause were waited for
    assert "2 were not sent to http://127.0.0.1" in caplog.text and "s3cret" not in caplog.text


def test_no_secret_reaches_a_log_or_the_status(deliver, server, refused, notice, answer, caplog, until):
    caplog.set_level(logging.DEBUG)
    one = server(answer(500, "Retry-After: 0"), answer(), answer(404), answer())
    sinks = [
        f"http://me:s3cret@127.0.0.1:{one.port}/s3cret?k=s3cret",
        f"http://127.0.0.1:{refused}/s3cret",
        f"json://me:s3cret@127.0.0.1:{one.port}/s3cret",
        f"json://127.0.0.1:{refused}/s3cret?cto=1",
    ]
    delivery = deliver(*sinks, sink_attempts=2)
    for number in range(1, 4):
        tell(delivery, notice(number))
    until(lambda: all(found["sent"] + found["given_up"] == 3 for found in delivery.status()))
    assert any("s3cret" in path for path, _, _ in one.requests)
    delivery.close(1.0)
    assert "s3cret" not in caplog.text + str(delivery.status()) + repr(vars(delivery))
    assert "given up on " in caplog.text


def test_a_wrong_address_is_refused_before_anything_runs(deliver):
    before = threading.active_count()
    with pytest.raises(ConfigError, match=r"tgram://\*\*\*"):
        deliver("log", "tgram://s3cret")
    assert threading.active_count() == before


def test_sinks_of_one_name_are_told_apart(deliver):
    delivery = deliver("https://example.org/a", "https://example.org/b", "log")
    assert [found["sink"] for found in delivery.status()] == [
        "https://example.org/*** (number 1)",
        "https://example.org/*** (number 2)",
        "log",
    ]


def test_without_sinks_there_is_no_thread(notice):
    before = threading.active_count()
    delivery = Delivery([])
    tell(delivery, notice(1))
    assert threading.active_count() == before and delivery.status() == []
    delivery.close(1.0)
