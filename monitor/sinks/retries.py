"""Trying dead letters again, when somebody has asked for it: the entry goes through the encoder once more."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from monitor.errors import JournalError, SinkRejected
from monitor.model import Derived, Entry, Position, Reading, Recorded
from monitor.ports import Journal
from monitor.sinks.deadletters import DeadLetters, Letter, Refused
from monitor.sinks.rejection import EntriesRejected

__all__ = ["PastJournal", "Retries"]

_AT_ONCE = 200

Write = Callable[[Sequence[Recorded]], Awaitable[None]]


class PastJournal(Journal, Protocol):
    """A journal that can also be asked for what a device said at a time."""

    async def between(self, device: str, start: int, end: int, kinds: Collection[str] = ()) -> Sequence[Recorded]:
        """Entries of a device with start <= time < end (UTC ms), oldest first."""


class Retries:
    """Writes the letters of one sink again. `unwritable` says why nothing of an entry would be written now."""

    def __init__(
        self, letters: DeadLetters, journal: PastJournal, *, sink: str, write: Write,
        unwritable: Callable[[Entry], str],
    ) -> None:  # fmt: skip
        self._letters = letters
        self._journal = journal
        self._sink = sink
        self._write = write
        self._unwritable = unwritable

    async def once(self) -> None:
        """Try the oldest letters that are wanted. Raises SinkUnavailable and JournalError; call again then."""
        letters = await self._letters.wanted(self._sink, _AT_ONCE)
        refused = {each.id: Refused(why) for each in letters if (why := self._unwritable(each.entry))}
        left = [each for each in letters if each.id not in refused]
        try:
            refused |= await self._try(left)
        except SinkRejected:  # the whole batch, because of one that cannot be encoded
            for each in left:
                try:
                    refused |= await self._try([each])
                except SinkRejected as error:
                    refused[each.id] = Refused(str(error))
        if letters:
            await self._letters.settle([each.id for each in letters if each.id not in refused], refused)

    async def _try(self, letters: Sequence[Letter]) -> dict[int, Refused]:
        found: dict[Position, Recorded] = {}
        for letter in letters:
            found |= {each.position: each for each in await self._entries(letter)}
        if not found:
            return {}
        try:
            await self._write([found[position] for position in sorted(found)])
        except EntriesRejected as error:
            return {
                letter.id: Refused(error.reasons[letter.position], error.lines.get(letter.position, b""))
                for letter in letters
                if letter.position in error.reasons
            }
        return {}

    async def _entries(self, letter: Letter) -> Sequence[Recorded]:
        """The entry as the journal has it, and what was said later of that instant, which stays the last word."""
        entry = letter.entry
        device = getattr(entry, "device", "")
        try:
            known = await self._journal.between(device, entry.time, entry.time + 1)
        except JournalError:
            known = ()
        own = [each for each in known if each.position == letter.position]
        own = own or [Recorded(letter.position, letter.time, entry)]
        if not isinstance(entry, Reading | Derived):
            return own
        later = [
            each for each in known if each.position > letter.position and isinstance(each.entry, Reading | Derived)
        ]
        return [*own, *later]
