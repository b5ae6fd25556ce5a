"""Drawings and HTML from outside: still to be seen, and harmless wherever they are put."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bot.adapters.readers import read_digest
from bot.adapters.svg import MAX_DEPTH, MAX_ELEMENTS, safe_svg

SVG = "{http://www.w3.org/2000/svg}"
_LISTED = (
    "svg g defs text tspan title desc rect circle ellipse line path polygon polyline stop marker clipPath filter "
    "linearGradient radialGradient feBlend feColorMatrix feComponentTransfer feComposite feDropShadow feFlood "
    "feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology feOffset"
)
ELEMENTS = set(_LISTED.split())
SHAPES = {"rect", "circle", "ellipse", "line", "path", "polygon", "polyline", "text"}
FORBIDDEN = ("javascript", "data:", "http:", "https:", "//", "expression", "@import", "\\", "\u202e", "\x1b")


def drawn(raw: str) -> ET.Element:
    safe = safe_svg(raw)
    assert safe is not None
    return ET.fromstring(safe)


def names(root: ET.Element) -> list[str]:
    return [element.tag.removeprefix(SVG) for element in root.iter()]


def assert_harmless(safe: str) -> None:
    root = ET.fromstring(safe)
    assert root.tag == f"{SVG}svg"
    assert set(names(root)) <= ELEMENTS
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.lower().startswith(("on", "xlink", "{", "style", "class", "href", "src"))
            assert not any(sign in value.lower() for sign in FORBIDDEN)
            assert "url(" not in value.lower() or value.startswith("url(#f")
    page = LexborHTMLParser(f"<body><div id=a>{safe}</div><p id=b></p></body>")
    assert [node.tag for node in page.css("body > *")] == ["div", "p"]
    assert {node.tag.lower() for node in page.css("#a *")} <= {name.lower() for name in ELEMENTS}


ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT>alert(1)</SCRIPT >",
    "<script>alert(1)",
    "<scr<script></script>ipt>alert(1)</script>",
    "<script/><script href='https://e.x/a.js'/>",
    "<rect onload='alert(1)' onclick=alert(1) OnFocus=\"alert(1)\" width='1'/>",
    "<rect width='1' onload\n=\n'alert(1)'/>",
    "<a href='javascript:alert(1)'><text>x</text></a>",
    "<a xlink:href='java&#115;cript:alert(1)'><text>x</text></a>",
    "<image href='https://e.x/a.png' width='9'/><image xlink:href='//e.x'/>",
    "<use href='https://e.x/a.svg#b'/><use xlink:href='data:image/svg+xml,x'/>",
    "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><img src=x onerror=alert(1)></body></foreignObject>",
    "<foreignobject><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<style>@import url(https://e.x/a.css); text { fill: url(https://e.x/a) }</style>",
    "<style>rect{fill:red}</style><style>*{background:url('javascript:alert(1)')}</style>",
    "<style><img src=x onerror=alert(1)></style>",
    "<style></style><img src=x onerror=alert(1)>",
    "<rect style='fill:url(https://e.x/a);stroke:red;behavior:url(#x)' width='1'/>",
    "<rect fill='url(https://e.x/a#b)' filter='url(//e.x#f)' width='1'/>",
    "<rect fill='u\\72l(https://e.x)' width='1'/>",
    "<rect fill='image-set(\"https://e.x\" 1x)' stroke='src(\"x\")' width='1'/>",
    "<rect fill='url(#a) url(https://e.x)' width='1'/>",
    "<rect fill='red;}</style><script>alert(1)</script>' width='1'/>",
    "<animate attributeName='href' values='javascript:alert(1)'/><set attributeName='onclick' to='alert(1)'/>",
    "<text>&lt;script&gt;alert(1)&lt;/script&gt;</text>",
    "<text><script>alert(1)</script></text>",
    "<text>]]><![CDATA[<script>alert(1)</script>]]></text>",
    "<title><img src=x onerror=alert(1)></title><desc><p>x</p></desc>",
    "<text><b>x</b><p>y<div>z</text></svg><img src=x onerror=alert(1)><svg>",
    "</svg><script>alert(1)</script>",
    "<math><mi><table><mglyph><style><img src=x onerror=alert(1)>",
    "<!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><text>&x;</text>",
    "<?xml-stylesheet href='https://e.x/a.css'?>",
    "<!--><script>alert(1)</script>-->",
    "<!-- --!><img src=x onerror=alert(1)> -->",
    "<rect id='a\"><script>alert(1)</script>' class='\"><img>' width='1'/>",
    "<rect width='1&quot; onload=&quot;alert(1)'/>",
    '<text font-family="x&quot; onload=&quot;alert(1)">&#x202e;&#27;[31m&#0;x</text>',
    "<text>&#" + "9" * 5000 + ";</text>",
    "<svg onload=alert(1)><svg/onload=alert(1)>",
    "<iframe src='https://e.x'></iframe><embed src=x><object data=x></object><video src=x></video>",
    "<pattern id='p'><use href='#p'/></pattern><mask><rect/></mask><symbol><rect/></symbol>",
    "<filter><feImage href='https://e.x/a.png'/><feFlood/></filter>",
    "<handler type='text/javascript'>alert(1)</handler><listener event='load'/>",
    "<rect xmlns:x='http://www.w3.org/1999/xhtml' x:onclick='alert(1)' width='1'/><x:script>alert(1)</x:script>",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_in_a_drawing_is_harmless(attack: str) -> None:
    safe = safe_svg(f'<svg viewBox="0 0 9 9"><rect width="1" height="1"/>{attack}</svg>')
    assert safe is not None
    assert_harmless(safe)


@pytest.mark.parametrize(
    "raw", ["", "no drawing", "<svg>", "<svg></svg>", "<svg><defs><rect/></defs>", "<svg><text> "]
)
def test_a_drawing_with_nothing_to_see_is_none(raw: str) -> None:
    assert safe_svg(raw) is None


def test_a_style_sheet_becomes_attributes_in_the_order_that_css_gives() -> None:
    root = drawn(
        "<svg><style>/* a { } */ .box { fill: red; rx: 3 !important } rect.box{fill:blue} #one { stroke: #123 }"
        " @media print { .box, .b2 { opacity: .5 } } g > .box { stroke-width: 2 } rect:hover { fill: black }"
        ' * { fill: black }</style><rect id="one" class="box x" fill="green" width="1" style="stroke: gold; top: 1"/>'
        '<circle class="b2" fill="green" r="1"/></svg>'
    )
    rect, circle = root.find(f"{SVG}rect"), root.find(f"{SVG}circle")
    assert rect is not None
    assert circle is not None
    assert {name: value for name, value in rect.attrib.items() if name != "id"} == {
        "width": "1",
        "fill": "blue",
        "rx": "3",
        "stroke": "gold",
        "opacity": ".5",
        "stroke-width": "2",
    }
    assert circle.attrib == {"r": "1", "fill": "green", "opacity": ".5"}


def test_references_stay_within_the_drawing_and_do_not_meet_those_of_another() -> None:
    raw = '<svg><defs><marker id="end"/></defs><path d="M0 0" marker-end="url(#end)" fill="URL(#x)"/>{}</svg>'
    first, second = drawn(raw.format("")), drawn(raw.format("<rect/>"))
    for root in (first, second):
        marker, path = root.find(f".//{SVG}marker"), root.find(f"{SVG}path")
        assert marker is not None
        assert path is not None
        assert path.get("marker-end") == f"url(#{marker.get('id')})"
    assert safe_svg(raw.format("")) == safe_svg(raw.format(""))
    assert ET.tostring(first).split(b"end")[0] != ET.tostring(second).split(b"end")[0]


def test_what_is_left_open_is_closed_and_what_cannot_hold_a_shape_ends_before_one() -> None:
    root = drawn(
        '<svg><g><text>one <tspan x="1">two<rect width="1"><circle r="2"><g><line/></g></rect></text>'
    )
    assert [child.tag.removeprefix(SVG) for child in root[0]] == ["text", "rect", "circle", "g"]
    assert "".join(root[0][0].itertext()) == "one two"


def test_names_get_the_case_that_svg_asks_for() -> None:
    root = drawn(
        '<svg viewbox="0 0 1 1"><lineargradient gradienttransform="rotate(9)"/><RECT Width="1"/></svg>'
    )
    assert names(root) == ["svg", "linearGradient", "rect"]
    assert root.get("viewBox") == "0 0 1 1"
    assert root[0].get("gradientTransform") == "rotate(9)"


def test_a_drawing_with_a_size_and_no_frame_gets_one() -> None:
    assert drawn('<svg width="30" height="20px"><rect/></svg>').get("viewBox") == "0 0 30 20"
    assert drawn('<svg width="100%" height="20"><rect/></svg>').get("viewBox") is None


def test_what_only_looks_like_a_tag_is_kept_as_text() -> None:
    root = drawn("<svg><text>a <think> b </think> <10B & n<4 <b>bold</b> x<br/>y &amp;lt; z</text></svg>")
    assert "".join(root[0].itertext()) == "a <think> b </think> <10B & n<4 bold x y &lt; z"


def test_depth_and_number_of_elements_are_limited_and_the_rest_still_shows() -> None:
    deep = drawn("<svg>" + "<g>" * 5_000 + "<rect/>" + "</g>" * 5_000 + "</svg>")
    assert (names(deep).count("g"), names(deep)[-1]) == (MAX_DEPTH - 1, "rect")
    wide = drawn("<svg>" + "<rect/>" * (MAX_ELEMENTS * 2) + "</svg>")
    assert len(names(wide)) == MAX_ELEMENTS


HOSTILE = {
    "open tags": "<svg><rect/>" + "<g " * 60_000,
    "quotation marks": "<svg><rect/>" + "<g \"'" * 40_000,
    "attributes": "<svg><rect/><g " + "a" * 190_000 + " =>",
    "blanks": "<svg><rect/><g a" + " " * 190_000 + ">",
    "calls": "<svg><rect fill='" + "a" * 100_000 + "(' stroke='" + "( " * 40_000 + "'/>",
    "braces": "<svg><rect/><style>" + "{" * 190_000,
    "selectors": "<svg><style>" + ".a," * 60_000 + "{fill:red}</style>" + "<rect class='a'/>" * 900,
    "rules": "<svg><style>" + ".a{fill:red}" * 9_000 + "</style>" + "<rect class='a'/>" * 4_000,
    "comments": "<svg><rect/>" + "<!--" * 49_000,
    "styles": "<svg><rect/>" + "<style>" * 28_000,
    "skipped": "<svg><rect/>" + "<mask>" * 14_000 + "</video>" * 12_000,
    "far too long": "<svg><rect/>" + "x" * 10_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_drawing_comes_to_an_end(name: str) -> None:
    safe = safe_svg(HOSTILE[name])
    assert safe is not None
    assert_harmless(safe)


_PIECES = (
    "<svg> </svg> <g> </g> <text> </text> <tspan x='1'> <rect width='1'/> <rect <style> </style> .a{fill:red} "
    "class='a' <script> </script> <foreignObject> </foreignObject> <title> <!-- --> <![CDATA[ ]]> & &lt; &#0; < > "
    "' \" = / onload=alert(1) href='javascript:x' url( ) <p> <b> </b> <img> \u202e \x00 😀 <x:y> <a"
)
PIECES = st.sampled_from(_PIECES.split(" "))


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=40))
@example(["<text>", "\ud800"])
def test_any_drawing_becomes_well_formed_and_harmless_or_nothing(pieces: list[str]) -> None:
    safe = safe_svg("<svg><rect/>" + " ".join(pieces))
    assert safe is not None
    assert_harmless(safe)


def test_every_real_drawing_still_draws(corpus: Path) -> None:
    empty = 0
    count = 0
    for path in sorted((corpus / "pages").iterdir()):
        for entry in read_digest(path.read_bytes(), name="x").entries:
            raw = entry.flowchart.drawing if entry.flowchart else None
            if raw is None:
                continue
            count += 1
            safe = safe_svg(raw)
            if safe is None:
                empty += 1
                continue
            assert_harmless(safe)
            found = names(ET.fromstring(safe))
            assert sum(name in SHAPES for name in found) >= 7
            assert found.count("text") >= raw.count("</text>") - raw.count("<!--") * 9
    assert (count, empty) == (483, 2)  # two end inside their style sheet, before anything is drawn
