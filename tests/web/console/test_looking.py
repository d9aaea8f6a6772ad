"""What looks at pages finds what is wrong with them."""

import pytest

from tests.web.console.looking import assert_sound, faults_of, form_fields, tree_of


def page(inside: str, title: str = "A") -> str:
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><main><h1>A</h1>{inside}</main></body></html>"
    )


def test_a_page_that_is_in_order_is_sound() -> None:
    assert_sound(
        page(
            '<p><a href="/b">B</a></p><form method="post" action="/c"><input type="hidden" name="csrf" value="x">'
            '<label for="d">D</label><input id="d" name="d"><button>E</button></form>'
        )
    )


@pytest.mark.parametrize(
    "inside",
    [
        "<h1>B</h1>",
        "<h3>B</h3>",
        '<p id="b">B</p><p id="b">C</p>',
        '<input name="b">',
        '<label for="c">C</label><input id="b" name="b">',
        '<a href="/b"></a>',
        '<a href="#b">B</a>',
        '<a href="javascript:alert(1)">B</a>',
        "<p><ul><li>B</li></ul></p>",
        "<ul><p>B</p></ul>",
        "<li>B</li>",
        '<a href="/b"><button>B</button></a>',
        '<form method="post" action="/b"><button>B</button></form>',
        '<img src="/b">',
        "<table><tbody><tr><td>B</td></tr></tbody></table>",
        '<p style="color:red">B</p>',
        '<p onclick="b()">B</p>',
        "<script>b()</script>",
        "<time>now</time>",
        "<fieldset><p>B</p></fieldset>",
        '<div data-live="alarms">B</div>',
    ],
)
def test_a_page_that_is_not_in_order_has_faults(inside: str) -> None:
    assert faults_of(tree_of(page(inside))) != []


@pytest.mark.parametrize("inside", ["<p>B", "</p>", "<b><i>B</b></i>", '<p class="b" class="c">B</p>'])
def test_a_page_that_is_not_closed_as_it_was_opened_is_none(inside: str) -> None:
    with pytest.raises(AssertionError):
        tree_of(page(inside))


def test_a_form_is_read_as_a_browser_would_send_it() -> None:
    form = (
        '<form action="/b"><input name="c" value="1"><input type="radio" name="d" value="2">'
        '<input type="radio" name="d" value="3" checked><textarea name="e">\nf &amp; g</textarea>'
        '<select name="h"><option value="4">4</option><option value="5" selected>5</option></select></form>'
    )

    assert form_fields(page(form), "/b") == {"c": "1", "d": "3", "e": "f & g", "h": "5"}
