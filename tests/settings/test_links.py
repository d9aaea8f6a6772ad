"""`notify.links`: where links lead, and what keeps them from strangers."""

import pytest

from monitor.staff import Links
from tests.settings.conftest import Load, Mistakes

NOTIFY = """\
notify:
  people: [{id: ana, channels: {screen: "terminal:"}}]
  teams: [{id: house, members: [ana]}]
  routes: [{team: house}]
  links: """


def test_links_are_bound(load_text: Load) -> None:
    given = '{base: "https://house.example.org/fm/", listen: "[::1]:8481", lives: 2 h}\n'
    loaded = load_text(NOTIFY + given)

    assert loaded.site.notify.links == Links(
        base="https://house.example.org/fm", host="::1", port=8481, lives=7200.0
    )
    assert not [each for each in loaded.warnings if "links" in each.path]


def test_without_more_than_a_base_they_are_served_on_this_machine_for_a_day(load_text: Load) -> None:
    loaded = load_text(NOTIFY + "{base: https://house.example.org}\n")

    assert loaded.site.notify.links == Links(base="https://house.example.org", host="127.0.0.1", port=8480)


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ("{}", "notify.links.base", ""),
        ("{base: house.example.org}", "notify.links.base", "https://"),
        ('{base: "https://house.example.org/?a=b"}', "notify.links.base", "https://"),
        ('{base: "https://me:secret@house.example.org"}', "notify.links.base", "https://"),
        ('{base: "https://house.example.org", listen: "192.0.2.1:8480"}', "notify.links", "anywhere: true"),
        ('{base: "https://house.example.org", lives: 8 d}', "notify.links.lives", "604800"),
        ('{base: "https://house.example.org", port: 1}', "notify.links.port", ""),
    ],
)
def test_what_is_wrong_is_told(mistakes: Mistakes, given: str, path: str, said: str) -> None:
    found = [each for each in mistakes(f"{NOTIFY}{given}\n") if each.path == path]

    assert found
    assert said in str(found[0])


def test_a_base_without_tls_is_a_warning(load_text: Load) -> None:
    loaded = load_text(NOTIFY + '{base: "http://192.0.2.7/fm", anywhere: true, listen: "0.0.0.0:8480"}\n')

    assert [each.path for each in loaded.warnings if "links" in each.path] == ["notify.links.base"]
