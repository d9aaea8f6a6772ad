"""The poller: asks the devices behind each connection in time, and makes readings of what they say."""

from monitor.poller.byhand import ByHand
from monitor.poller.poller import ConnectionFacts, DeviceFacts, Poller

__all__ = ["ByHand", "ConnectionFacts", "DeviceFacts", "Poller"]
