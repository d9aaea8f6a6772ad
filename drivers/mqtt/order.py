"""Event-time order: what a gateway sends after an outage is taken in the order it happened. Pure."""

from collections.abc import Sequence

from monitor.model import Event, Reading
from monitor.ports import Batch

__all__ = ["in_event_time"]


def in_event_time(batches: Sequence[Batch]) -> Sequence[Batch]:
    """Order the batches of each device by time, stably; between devices the order stays as it is."""
    newest: dict[str, int] = {}
    disordered: set[str] = set()
    for batch in batches:
        device, time = _key(batch)
        if time < newest.get(device, time):
            disordered.add(device)
        else:
            newest[device] = time
    if not disordered:
        return batches
    answer = list(batches)
    for device in disordered:
        places = [place for place, batch in enumerate(batches) if _key(batch)[0] == device]
        ordered = sorted((batches[place] for place in places), key=lambda batch: _key(batch)[1])
        for place, batch in zip(places, ordered, strict=True):
            answer[place] = batch
    return answer


def _key(batch: Batch) -> tuple[str, int]:
    """Device and time of what a message gave first: a message is one device's, or all of one instant."""
    first = batch.entries[0]
    return (first.device, first.time) if isinstance(first, Reading | Event) else ("", 0)
