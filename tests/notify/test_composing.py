"""Which messages carry a link that acknowledges, and which do not."""

import pytest

from monitor.notices import NoticeKind
from monitor.notify.attempt import Attempt, gathered
from monitor.notify.composing import Composer
from monitor.notify.routing import facts
from tests.notify.house import notice, person, site

ANA = person("ana", mail="json://a")
HOUSE = site(ANA)


def sign(occurrence: str, who: str) -> str:
    return f"https://house.example.org/fm/a/{occurrence}.{who}"


def attempt(kind: NoticeKind, **more: object) -> Attempt:
    return Attempt(
        id=1,
        lane=("ana", "mail"),
        occurrence="o1",
        notification="n",
        kind=kind,
        step=0,
        severity="high",
        expires=1 << 60,
        number=1,
        body=facts(HOUSE, notice(kind, **more)),
    )


async def said(one: Attempt, composer: Composer | None = None) -> str:
    return (await (composer or Composer(HOUSE, sign=sign)).compose(one, ANA)).text


@pytest.mark.parametrize("kind", [NoticeKind.RAISE, NoticeKind.SEVERITY])
async def test_what_waits_for_somebody_carries_a_link_of_its_person_and_the_command(kind: NoticeKind) -> None:
    text = await said(attempt(kind))

    assert "https://house.example.org/fm/a/o1.ana" in text
    assert "facility-monitor alarms ack o1" in text


@pytest.mark.parametrize("kind", [NoticeKind.CLEAR, NoticeKind.ACKNOWLEDGED])
async def test_what_waits_for_nobody_carries_none(kind: NoticeKind) -> None:
    assert "/fm/a/" not in await said(attempt(kind))


async def test_who_is_given_an_alarm_gets_a_link_only_while_nobody_has_acknowledged_it() -> None:
    waits = await said(attempt(NoticeKind.ASSIGNED, response="unacked"))
    seen_to = await said(attempt(NoticeKind.ASSIGNED, response="acked"))

    assert "/fm/a/o1.ana" in waits
    assert "to be assigned does not" in waits
    assert "/fm/a/" not in seen_to
    assert "alarms close o1" in seen_to


async def test_without_links_or_while_nobody_would_answer_there_is_the_command_alone() -> None:
    for composer in (Composer(HOUSE), Composer(HOUSE, sign=lambda _occurrence, _person: "")):
        text = await said(attempt(NoticeKind.RAISE), composer)

        assert "To acknowledge: facility-monitor alarms ack o1" in text
        assert "http" not in text


async def test_a_message_about_many_alarms_has_none() -> None:
    one = attempt(NoticeKind.RAISE)
    composer = Composer(HOUSE, sign=sign)

    assert "link" in composer._body(one, ANA)
    assert "link" not in composer._body(gathered(one, [one], "group"), ANA)
