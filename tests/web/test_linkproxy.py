"""The nginx of the documentation, as it stands there, in front of the pages behind links."""

from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from monitor.app.links import LinkParts, make_links
from monitor.journal.sqlite import SqliteJournal
from monitor.journal.state import State
from monitor.site import Site
from monitor.staff import Links, Notify, Person
from tests.alarms.household import DEVICES, LOW, House, site
from tests.clock import ManualClock
from tests.rules.build import reading
from tests.servers.ports import free_port
from tests.web.documentednginx import HOST, DocumentedNginx, documented_nginx
from tests.web.linkhouse import Pages, files_of, serving_links

PAGE = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")


@pytest.fixture
def house(journal: SqliteJournal, state: State, clock: ManualClock) -> House:
    return House(journal, state, clock)


async def test_the_nginx_of_the_documentation_serves_the_links_and_nothing_else(
    house: House, tmp_path: Path
) -> None:
    port, behind = free_port(), free_port()
    links = Links(base=f"https://{HOST}:{port}/fm", host="127.0.0.1", port=behind)
    there = Site(
        id="s",
        name="S",
        timezone=ZoneInfo("UTC"),
        devices=DEVICES,
        rules=site({**LOW, "on_delay": "0 s"}).rules,
        notify=Notify(people={"ana": Person(id="ana", name="Ana", language="en", channels={})}, links=links),
    )
    parts = make_links(there, tmp_path, files_of(house), house.clock.now)
    assert isinstance(parts, LinkParts)
    with documented_nginx("notifications.md", tmp_path, written=8480, behind=behind, port=port) as nginx:
        async with house.running(there), serving_links(house, parts), nginx.client() as client:
            browser = _Browser(client)
            pages = Pages(house, parts, browser)  # type: ignore[arg-type] - as far as a page needs one
            await house.say(reading(0, 200.0), at=0)
            link = parts.sign((await house.only()).occurrence, "ana")
            page = await browser.get(link)
            outside = [(await browser.get(link.partition("/fm/")[0] + path)).status_code for path in OTHERS]
            guesses = [(await browser.get(f"{links.base}/a/guess-{number}")).status_code for number in range(15)]
            pressed = await pages.press(link)
            kept = await pages.acknowledged()

    assert "I take care" in page.text
    assert outside == [404] * len(OTHERS)
    assert set(guesses) == {404, 429}
    assert "Done." in pressed.text
    assert [each.by for each in kept] == ["Ana, by link"]
    assert link.rpartition("/")[2] not in nginx.log.read_text()


OTHERS = ("/", "/fm", "/fm/", "/a/x", "/fm/api/v1/status", "/fm/a/../api/v1/status", "/metrics")


class _Browser:
    """What a page is opened with."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, url: str) -> httpx.Response:
        return await DocumentedNginx.ask(self._client, "GET", url)

    async def post(self, url: str, data: dict[str, str]) -> httpx.Response:
        return await DocumentedNginx.ask(self._client, "POST", url, data=data)
