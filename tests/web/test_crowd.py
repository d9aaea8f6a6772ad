"""Many who look at once, one of whom never reads what he is told: the others and the journal notice nothing."""

import asyncio
from pathlib import Path

from tests.bench.console import crowd, deaf, loaded, signed_in, site


async def test_who_never_reads_costs_nothing_and_fifty_others_are_told(tmp_path: Path) -> None:
    known = site(every=0.5)
    async with loaded(tmp_path, known) as (served, poller), signed_in(served) as browser:
        links = [deaf(served.port, browser.secret) for _ in range(5)]
        told: list[str] = []

        async def look(secret: str) -> None:
            address = f"{served.origin}/api/v1/live?topics=readings&device=meter-3-3"
            cookie = {"cookie": f"session={secret}"}
            async with browser.http.stream("GET", address, headers=cookie) as answer:
                assert answer.status_code == 200
                async for line in answer.aiter_lines():
                    if line == "event: reading":
                        told.append(line)
                        return

        before = sum(each.polls for each in poller.connections().values())
        async with asyncio.timeout(60):
            await asyncio.gather(*(look(secret) for secret in await crowd(served) for _ in range(10)))
            while sum(each.polls for each in poller.connections().values()) < before + 200:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        page = await browser.get("/")
        for link in links:
            link.close()

        assert len(told) == 50
        assert poller.facts()["dropped"] == 0
        assert page.status_code == 200
