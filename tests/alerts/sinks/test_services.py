"""apprise, to a real server."""

import pytest

from genesis_lib.alerts.sinks import Address
from genesis_lib.errors import ConfigError

pytest.importorskip("apprise", reason="apprise is not installed: pip install 'genesis-workbench[alerts]'")
from genesis_lib.alerts.sinks.services import ServiceTarget


def test_a_letter_by_apprise(server, letter, answer, refused):
    one = server(answer(), answer(500))
    target = ServiceTarget(Address(f"json://127.0.0.1:{one.port}/hook"), 5.0)
    assert target.send(letter(1, "critical")).failure == ""
    (told,) = one.bodies
    assert told["title"] == letter(1, "critical").title and told["type"] == "failure" and "A wall." in told["message"]
    assert target.send(letter()).failure == "the service did not take it"
    assert ServiceTarget(Address(f"json://127.0.0.1:{refused}/"), 5.0).send(letter()).again


def test_time_outs_are_ours(server, letter):
    one = server("hang")
    target = ServiceTarget(Address(f"json://127.0.0.1:{one.port}/hook"), 0.1)
    assert target.send(letter()).failure


@pytest.mark.parametrize(
    "url",
    [
        "mailtos://me:pw@example.org?to=you@example.org",
        "tgram://123456789:abcdefg_hijklmnopqrstuvwxyz0123456789/42",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
    ],
)
def test_services_that_people_use(url):
    ServiceTarget(Address(url), 5.0)


def test_an_address_that_is_none():
    with pytest.raises(ConfigError, match=r"tgram://\*\*\*: not an address that apprise knows"):
        ServiceTarget(Address("tgram://s3cret"), 5.0)
