"""The poller: asks the devices behind each connection in time, and makes readings of what they say."""

from monitor.poller.poller import ConnectionFacts, DeviceFacts, Poller

__all__ = ["ConnectionFacts", "DeviceFacts", "Poller"]
