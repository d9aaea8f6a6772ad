"""Names: sealed at rest, taken all or not at all, and never overwritten by who cannot open them."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.access.directory import FILE, Directory
from monitor.access.pseudonyms import Pseudonyms
from monitor.accessbook import Name
from monitor.credentials import canonical
from monitor.errors import RequestRefused, SettingsError
from tests.systemd.test_sandbox import sandboxed

SECRET = "a long sentence that nobody guesses"


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path / FILE, SECRET)


def test_names_are_there_after_a_restart_and_nowhere_in_clear(directory: Directory, tmp_path: Path) -> None:
    directory.put("p1", "Ana  Ångström", "flat 3")
    directory.put("p2", "Ben")
    directory.put("p2", "Ben Bo")
    again = Directory(tmp_path / FILE, SECRET)

    assert again.names() == {"p1": Name(name="Ana Ångström", note="flat 3"), "p2": Name(name="Ben Bo")}
    content = (tmp_path / FILE).read_bytes()
    assert not any(word in content for word in (b"Ana", b"Ben", b"flat", b"p1", SECRET.encode()))
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [FILE]
    assert SECRET not in repr(again)


def test_who_is_removed_is_gone(directory: Directory) -> None:
    directory.put("p1", "Ana")

    assert (directory.remove("p1"), directory.remove("p1")) == (True, False)
    assert directory.names() == {}


def test_another_secret_opens_nothing_and_overwrites_nothing(directory: Directory, tmp_path: Path) -> None:
    directory.put("p1", "Ana")
    before = (tmp_path / FILE).read_bytes()
    other = Directory(tmp_path / FILE, "another secret")

    for attempt in (other.names, lambda: other.put("p2", "Ben"), lambda: other.remove("p1")):
        with pytest.raises(SettingsError, match="is not the one they were sealed with"):
            attempt()
    assert (tmp_path / FILE).read_bytes() == before


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda content: content[:-1], "or the file is damaged"),
        (lambda content: content[:60] + bytes([content[60] ^ 1]) + content[61:], "or the file is damaged"),
        (lambda content: content[:12] + bytes([content[12] ^ 1]) + content[13:], "or the file is damaged"),
        (lambda content: content[:20], "or the file is damaged"),
        (lambda content: b"FMNAMES2" + content[8:], "newer version"),
        (lambda _: b"", "no directory of names"),
        (lambda _: b"name,credential", "no directory of names"),
    ],
)
def test_a_damaged_file_is_refused_and_left_alone(directory, tmp_path, harm, said) -> None:  # type: ignore[no-untyped-def]
    directory.put("p1", "Ana")
    harmed = harm((tmp_path / FILE).read_bytes())
    (tmp_path / FILE).write_bytes(harmed)

    with pytest.raises(SettingsError, match=said):
        Directory(tmp_path / FILE, SECRET).put("p2", "Ben")
    assert (tmp_path / FILE).read_bytes() == harmed


def test_without_a_secret_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="needs a secret"):
        Directory(tmp_path / FILE, "")


def test_a_table_names_people_by_the_pseudonyms_that_drivers_make(directory: Directory, tmp_path: Path) -> None:
    pseudonyms = Pseudonyms.open(tmp_path)
    table = (
        '\ufeffname;credential;form;note\r\n"Bo, Ben";04:A1:FF;hex;\r\n'
        "Ana;0012;decimal;flat 3\r\n\r\nCy; PIN9 ;;\r\n"
    )

    count = directory.import_csv(table, pseudonyms)

    assert count == 3
    assert directory.names() == {
        pseudonyms(canonical("04a1ff", "hex")): Name(name="Bo, Ben"),
        pseudonyms(canonical("12", "decimal")): Name(name="Ana", note="flat 3"),
        pseudonyms(canonical("PIN9", "text")): Name(name="Cy"),
    }


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("card,who\n1,Ana\n", "line 1: the columns are"),
        ("", "line 1: the columns are"),
        ("credential,name\n4711,Ana\n,Ben\n", "line 3: the credential is empty"),
        ("credential,name\n4711,Ana\n4712,\n", "line 3: name and note"),
        ("credential,name,form\n4711,Ana,hexa\n", "line 2: `form` is one of hex"),
        ("credential,name,form\n47xx,Ana,hex\n", "line 2: the credential is not hex"),
        ("credential,name,form\n47xx,Ana,decimal\n", "line 2: the credential is not decimal"),
        ("credential,name\n4711,Ana\n4711,Ben\n", "line 3: the same credential has another name"),
        ("credential,name\n4711,Ana,more\n", "line 2: it does not have as many columns"),
        ('credential,name\n4711,"Ana\n', "this is no table"),
    ],
)
def test_a_table_with_a_mistake_is_refused_whole_and_quoted_nowhere(
    directory: Directory, table: str, said: str
) -> None:
    directory.put("p1", "Zoe")

    with pytest.raises(RequestRefused, match=said) as refused:
        directory.import_csv(table, str)
    assert not any(word in str(refused.value) for word in ("Ana", "Ben", "471", "47xx"))
    assert set(directory.names()) == {"p1"}


def test_there_is_a_bound(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.access.directory._MOST", 2)
    with pytest.raises(RequestRefused, match="room for 2 names"):
        directory.import_csv("credential,name\n1,Ana\n2,Ben\n3,Cy\n", str)
    assert directory.names() == {}


def test_the_library_is_loaded_only_by_who_has_names() -> None:
    code = "import sys, monitor.access.directory; sys.exit('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_names_are_sealed_and_opened_in_the_sandbox_of_the_service(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from monitor.access.directory import Directory;"
        f"path = Path({str(tmp_path / FILE)!r}); Directory(path, 's').put('p1', 'Ana');"
        "print(Directory(path, 's').names()['p1'].name)"
    )

    ran = sandboxed(sys.executable, "-c", code)

    assert (ran.returncode, ran.stdout.strip()) == (0, "Ana"), ran.stderr
