"""Where alerts are sent: the log, a file, a webhook, and whatever apprise reaches; nothing here decides anything."""

from genesis_lib.alerts.sinks.address import Address, masked, read_addresses
from genesis_lib.alerts.sinks.delivery import Delivery

__all__ = ["Address", "Delivery", "masked", "read_addresses"]
