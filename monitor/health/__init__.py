"""How the devices do, and how the monitor itself does: judged from the journal, told through the journal."""

from monitor.health.advice import usual_advice
from monitor.health.consumer import Health
from monitor.health.itself import SelfReport, Sources
from monitor.health.judge import MINUTE

__all__ = ["MINUTE", "Health", "SelfReport", "Sources", "usual_advice"]
