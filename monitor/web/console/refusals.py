"""Why something cannot be done, or was told to whom, in the language of who reads it.

Commands, the API and pages are refused by the same desks, in English, and messages keep why they were sent. What
people meet on pages is known here by its sentence; the rest stays English, and is marked as that.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

__all__ = ["SENTENCES", "refusal"]


def say(text: str) -> str:
    """Mark a text for the catalogues."""
    return text


SENTENCES: Final = (
    say("there is no alarm {alarm}"),
    say("the alarm {alarm} is acknowledged already by {who}; it can be reset when its condition is over"),
    say("the alarm {alarm} is acknowledged already by {who}"),
    say("the alarm {alarm} is acknowledged already"),
    say("the alarm {alarm} is over and waits for nobody"),
    say("the alarm {alarm} is not shelved"),
    say("the alarm {alarm} is not out of service"),
    say("a shelf ends in the future"),
    say("an alarm of severity {severity} of the rule {rule} may be shelved for {time} at most"),
    say("the rule {rule} says that its alarms are never shelved (longest_shelf: 0 s)"),
    say("say why: others have to know the reason"),
    say("a reason has at most {count} characters"),
    say("nobody was given {alarm}"),
    say("the case of {alarm} is closed; reopen it first"),
    say("the case of {alarm} is closed already, by {who}"),
    say("the case of {alarm} is not closed"),
    say("the alarm {alarm} is not over: a case is closed when its alarm has cleared"),
    say("there is maintenance {name} already; give it another id"),
    say("there is no maintenance {name}"),
    say("it would be over already"),
    say("no device is all of that"),
    say("there is no {what} {name}; did you mean {near}?"),
    say("the maintenance {name} is not on now; take it out of the site file to end it for good"),
    say("these are more than {count} devices: write it in the site file"),
    say("{person} has no channel: no message would reach anybody"),
    say("the end has to be later than the begin"),
    say("somebody stands in for a year at most: write it into the site file"),
    say("it begins within a year: write what comes later into the site file"),
    say("nobody stands in by the id {id}, or it is over"),
    say("say the reason: somebody may ask about this bill in years"),
    say("{time} is not after {other}: the earlier time comes first"),
    say("{time} is not over yet: it is {now} now"),
    say("{time} is in the future: it is {now} now"),
    say("{time} is not yet: it is {now} now"),
    say("{time} is no whole quarter of an hour: let the minutes be 00, 15, 30 or 45"),
    say("{amount} is too much for {hours} h"),
    say("the amount is {amount}: what was used is a number that is never negative"),
    say("{name} is {amount}: a counter shows a number that is never negative"),
    say("at {time} `{device}` was not read yet: it is metered since {since}"),
    say("`{device}` was read at {time} already ({amount}), which is not before {other}. What was used before"
        " that is mended with `facility-monitor meter correct`"),
    say("{amount} is lower than what `{device}` showed at {time}: {last}. Read it again; if another meter hangs"
        " there, or it went past its last digit, say so with `facility-monitor meter replace`"),
    say("the final register {amount} is lower than what `{device}` showed last: {last} at {time}. Read the old"
        " meter again"),
    say("the first register {amount} is higher than what the new meter was read with first: {last}. Say what it"
        " showed when it was put in"),
    say("the replacement of `{device}` around {time} was said already; what was used then is put right with"
        " `facility-monitor meter correct`"),
    say("{hours} hours: running hours are a number that is never negative"),
    say("{time} is before `{service}` of `{device}` was done last, at {last}: only the last time matters"),
    say("was told of the alarm"),
    say("was given the alarm"),
    say("{who} is named in the step"),
    say("{who} is named in the step; told again ({count})"),
    say("this person was never told of the alarm"),
    say("told together with the alarm itself"),
    say("the alarm was acknowledged"),
    say("the alarm had cleared"),
    say("the alarm had cleared, of which there is a message"),
    say("the alarm had cleared; the message about that follows"),
    say("the alarm was shelved, suppressed or taken out of service"),
    say("a newer message replaces it"),
    say("the note has {count} letters; {most} is the most that is kept"),
)  # fmt: skip
"""What is said of a case stands before what is said of all."""


def refusal(told: str, said: Callable[[str], str]) -> tuple[str, bool]:
    """A refusal in the words of `said`, and whether they are its own: it is English otherwise."""
    for sentence in SENTENCES:
        found = _pattern(sentence).fullmatch(told)
        if found is not None:
            return _filled(said(sentence), found.groupdict()), True
    return told, False


def _filled(words: str, facts: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: facts.get(name[1], ""), words)


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    """What a sentence looks like once its facts stand in it."""
    parts = re.split(r"\{(\w+)\}", sentence)
    return re.compile(
        "".join(
            re.escape(part) if place % 2 == 0 else f"(?P<{part}>[^;]{{1,200}}?)"
            for place, part in enumerate(parts)
        ),
        re.DOTALL,
    )
