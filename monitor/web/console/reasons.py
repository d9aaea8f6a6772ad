"""Why somebody was told of an alarm, or was not, in the language of who reads.

The state keeps these reasons as finished English texts: they are written by statements of SQL, too, matched by how
they begin, and rows of years past have them. An id and facts beside each would be a migration for a line of small
print; so pages know the usual ones by their text. The rest stays English, and is marked as that. Refusals are not
kept and need no table: they carry their sentence (`monitor.errors.RequestRefused`).
"""

import re
from functools import cache
from typing import Final

from monitor.wording import PLACE, Translate, fill, say

__all__ = ["REASONS", "known_reason"]

REASONS: Final = (
    say("{reason}; told again ({count})"),
    say("{reason}; {who} is away"),
    say("was told of the alarm"),
    say("was given the alarm"),
    say("{who} is named in the step"),
    say("{who} may be on call"),
    say("{who}'s turn"),
    say("{who}'s turn ({layer})"),
    say("{who} stands in (site file)"),
    say("{who} stands in (site file): {why}"),
    say("{who} stands in, said {by}: {why}"),
    say("{who} stands in, said {by}"),
    say("this person was never told of the alarm"),
    say("told together with the alarm itself"),
    say("another step of the escalation has told this person since"),
    say("an earlier message of this alarm comes first"),
    say("the alarm was acknowledged"),
    say("the alarm had cleared"),
    say("the alarm had cleared, and this person knows of it"),
    say("the alarm had cleared, of which there is a message"),
    say("the alarm had cleared; the message about that follows"),
    say("the alarm was shelved, suppressed or taken out of service"),
    say("the shelf or the alarm is over"),
    say("a newer message replaces it"),
    say("expired before it could be tried"),
    say("the program ended while this was sent"),
)
"""What is said of a special case stands before what is said of all; a `reason` within one is another of them."""

_LONGEST: Final = 200


def known_reason(told: str, translate: Translate) -> tuple[str, bool]:
    """A reason in the words of `translate`, and whether they are its own: it is English otherwise."""
    for template in REASONS:
        found = _pattern(template).fullmatch(told)
        if found is None:
            continue
        facts = found.groupdict()
        if "reason" in facts:
            facts["reason"], is_ours = known_reason(facts["reason"], translate)
            if not is_ours:
                break
        return fill(translate(template), facts), True
    return told, False


@cache
def _pattern(template: str) -> re.Pattern[str]:
    """What a reason looks like once its facts stand in it."""
    parts = PLACE.split(template)
    return re.compile(
        "".join(
            re.escape(part) if place % 2 == 0 else f"(?P<{part}>.{{1,{_LONGEST}}}?)"
            for place, part in enumerate(parts)
        ),
        re.DOTALL,
    )
