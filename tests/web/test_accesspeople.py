"""What the API answers about people, over the real parts: numbers in a wrong form, names that play tricks."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import orjson

from monitor.access.pseudonyms import Pseudonyms
from monitor.app.people import AccessParts
from monitor.journal.files import Files
from monitor.model import Event
from monitor.ports import Batch
from tests.access.erased import left
from tests.access.homes import site_of, zone
from tests.clock import ManualClock
from tests.journal.ledgers import opened
from tests.web.serving import make_parts, serving

KEY = Pseudonyms(bytes(32))


@dataclass
class House:
    files: Files
    access: AccessParts
    client: httpx.AsyncClient

    async def keep(self, *events: Event) -> None:
        """Return once these are in the journal and in access.db."""
        last = await self.files.journal.append([Batch(entries=list(events))])
        async with asyncio.timeout(60):
            while self.access.people.applied < last:  # noqa: ASYNC110 - it is a number of others
                await asyncio.sleep(0.01)


@asynccontextmanager
async def house(folder: Path, clock: ManualClock) -> AsyncIterator[House]:
    site = site_of(zone("house", "front"))
    site = replace(site, access=replace(site.access, names_key="correct horse battery staple"))
    async with opened(folder / "ledger.db", clock) as files:
        access = AccessParts(
            site, files, folder, pseudonyms=KEY, now=clock.now, may_forget=lambda: True, outside=()
        )
        running = [asyncio.create_task(work) for work in access.tasks().values()]
        parts = replace(make_parts(files.journal, clock), site=site, access=access.desk)
        try:
            async with serving(parts, folder / "socket") as client:
                yield House(files, access, client)
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            access.close()


def card(credential: str, time: int, number: int = 1) -> Event:
    said = {"result": "granted", "credential": KEY(credential)}
    return Event(device="front-in", kind="card", time=time, arrived=time, id=f"c{number}", attributes=said)


async def test_a_number_in_the_wrong_form_is_said_to_be_nobodys_and_the_right_form_named(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with house(tmp_path, clock) as made:
        await made.keep(card("04a1ff20", clock.time))
        wrong, right, nobody = [
            (await made.client.post("access/find", json={"credential": number, "form": form})).json()
            for number, form in (("04:A1:FF:20", "text"), ("04:A1:FF:20", "hex"), ("99", "decimal"))
        ]

    assert (wrong["is_known"], wrong["other_forms"]) == (False, ["hex", "hex_unpadded"])
    assert (right["is_known"], right["other_forms"], right["pseudonym"]) == (True, [], KEY("04a1ff20"))
    assert (nobody["is_known"], nobody["other_forms"]) == (False, [])


async def test_names_cannot_steer_a_terminal_or_turn_a_line_round(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as made:
        content = orjson.dumps({"credential": "7", "put": "x", "note": "y"}).replace(
            b'"x"', b'"Ana\\u001b[2J \\u202e<b>nerdniL</b>\\u0000"'
        )
        answer = await made.client.post(
            "access/names", content=content, headers={"content-type": "application/json"}
        )
        names = (await made.client.get("access/names")).json()

    assert answer.status_code == 200, answer.text
    assert names == [{"name": "Ana [2J <b>nerdniL</b>", "note": "y", "pseudonym": KEY("7")}]


async def test_no_number_of_a_card_is_in_a_refusal_or_a_file(tmp_path: Path, clock: ManualClock) -> None:
    number = "8765432109876"
    wishes: list[tuple[str, object]] = [
        ("access/find", {"credential": number, "form": number}),
        ("access/find", {"credential": [number]}),
        ("access/erase", {"credential": number, "pseudonym": number}),
        ("access/erase", {"credential": number * 30, "reason": ""}),
        ("access/names", {"credential": number, "put": ""}),
        ("access/names/import", {"csv": f"credential,name,form\n{number},,hex\n"}),
        ("access/names/import", {"csv": f'credential,name\n"{number}"x,Ana\n'}),
        ("access/names/remove", {"credential": number}),
        ("access/find", {"credential": number, "form": "decimal"}),
    ]
    async with house(tmp_path, clock) as made:
        answers = [await made.client.post(path, json=wish) for path, wish in wishes]
        await made.keep(card("1", clock.time))
        while_open = left(tmp_path, number)

    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 422, 409, 409, 404, 200]
    assert [answer.text for answer in answers if number in answer.text] == []
    assert (while_open, left(tmp_path, number)) == ({}, {})


async def test_names_that_are_put_at_once_are_all_kept(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as made:
        await asyncio.gather(
            *(
                made.client.post("access/names", json={"credential": f"{number}", "put": f"Person {number}"})
                for number in range(20)
            )
        )
        names = (await made.client.get("access/names")).json()

    assert len(names) == 20


async def _erase(socket: Path, said: str, *words: str) -> tuple[int, str]:
    """Run `access erase` with what is typed; its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "access", "erase", "--reason", "left", "--socket", str(socket), *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(said.encode()), 60)
    return process.returncode or 0, out.decode()


async def test_whoever_erases_nobody_is_told_so_before_and_after(tmp_path: Path, clock: ManualClock) -> None:
    async with house(tmp_path, clock) as made:
        await made.keep(card("04a1ff20", clock.time))
        doubted = await _erase(tmp_path / "socket", "04:A1:FF:20\nn\n")
        asked = (await made.client.get("access/erasures")).json()
        insisted = await _erase(tmp_path / "socket", "04:A1:FF:20\n", "--yes")
        right = await _erase(tmp_path / "socket", "04:A1:FF:20\ny\n", "--form", "hex")
        later = (await made.client.get("access/events")).json()

    assert doubted[0] == 1
    assert "NOTHING IS KNOWN" in doubted[1]
    assert "--form hex" in doubted[1]
    assert asked == []
    assert "nothing is kept of that person" in insisted[1]
    assert (right[0], "NOTHING" in right[1], "nothing is left" in right[1]) == (0, False, True)
    assert {event["credential"] for event in later} == {"erased"}
