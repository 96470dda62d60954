"""What apprise reaches by an address: mail, Telegram, Slack and some hundred others."""

from __future__ import annotations

from genesis_lib.alerts.sinks.address import Address
from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.alerts.sinks.quiet import Quiet
from genesis_lib.alerts.sinks.targets import Outcome
from genesis_lib.errors import ConfigError

KINDS = ("info", "warning", "failure")  # apprise's words for our severities


class ServiceTarget:
    """Sends through a service of apprise.

    Raises
    ------
    ConfigError
        When apprise is not installed, or knows no such service or address.
    """

    def __init__(self, address: Address, timeout_s: float) -> None:
        try:
            import apprise
        except ImportError:
            raise ConfigError(f"{address}: needs apprise; pip install 'genesis-workbench[alerts]'") from None
        with Quiet():
            service = apprise.Apprise.instantiate(address.url.strip(), suppress_exceptions=True)
        if service is None:
            raise ConfigError(f"{address}: not an address that apprise knows, or a part of it is missing")
        service.socket_connect_timeout = min(service.socket_connect_timeout, timeout_s)
        service.socket_read_timeout = min(service.socket_read_timeout, timeout_s)
        self._service = service  # itself: apprise's own list of services would send from threads of its pool

    def send(self, letter: Letter) -> Outcome:
        """Hand the letter to the service, which says no more than whether it took it."""
        taken = self._service.notify(body=letter.body, title=letter.title, notify_type=KINDS[letter.rank])
        return Outcome() if taken else Outcome("the service did not take it")

    def close(self) -> None:
        """Nothing is held open."""
