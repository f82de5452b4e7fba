"""What the content security policy, readers and slow lines ask of every template and sheet.

Read from the files themselves, so that a page nobody opened in a test is held to it too.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(
    path
    for path in (ROOT / "templates").rglob("*.html")
    if not path.is_relative_to(ROOT / "templates" / "admin")
)
MAILS = sorted((ROOT / "templates").rglob("*.txt"))
STATIC = ROOT / "static"
# Staff's pages wear django-unfold: its templates, and its tokens beside a few tones of ours.
STAFF_SHEET = STATIC / "billing" / "staff.css"
SHEETS = sorted(set(STATIC.rglob("*.css")) - {STAFF_SHEET})
ICONS = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
# As they are written: what is sent, a fraction of it, `look_at_pages` holds to 150 KiB a page.
PAGE_BYTES = 150_000
OWN_BYTES = 85_000
LOADED = re.compile(r"{% static '([^']+\.(?:css|js))' %}")
CLOSING_TAGS = re.compile(r"<script\b(?![^>]*\bsrc=)|<style\b", re.IGNORECASE)
INLINE = re.compile(r"\s(?:style|on[a-z]+|hx-on[:a-z-]*)\s*=\s*[\"']", re.IGNORECASE)


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("template", TEMPLATES, ids=named)
def test_a_template_has_nothing_inline(template: Path) -> None:
    text = template.read_text()
    assert not CLOSING_TAGS.search(text)
    assert not INLINE.search(text)


@pytest.mark.parametrize("template", TEMPLATES, ids=named)
def test_a_template_loads_nothing_from_elsewhere(template: Path) -> None:
    loaded = re.findall(
        r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]*)", template.read_text()
    )
    assert [address for address in loaded if "//" in address] == []


@pytest.mark.parametrize("template", MAILS, ids=named)
def test_a_mail_is_text_and_escapes_nothing(template: Path) -> None:
    """A workspace called Bits & Pieces is called so in its mails too, not Bits &amp; Pieces."""
    text = template.read_text().strip()
    assert re.match(r"{% load [a-z0-9 ]+ %}{% autoescape off %}", text)
    assert text.endswith("{% endautoescape %}")


@pytest.mark.parametrize("template", TEMPLATES, ids=named)
def test_every_icon_is_in_the_sprite(template: Path) -> None:
    text = template.read_text()
    used = re.findall(r'{% icon "([^"]+)"', text)
    used += re.findall(r'\bicon="([a-z-]+)"', text)
    assert set(used) <= ICONS


@pytest.mark.parametrize("template", TEMPLATES, ids=named)
def test_every_static_file_and_template_it_names_exists(template: Path) -> None:
    text = template.read_text()
    for path in re.findall(r"{% static ['\"]([^'\"]+)['\"] %}", text):
        assert (STATIC / path).is_file(), path
    for path in re.findall(r"{% (?:extends|include) ['\"]([^'\"#]+)[^'\"]*['\"]", text):
        assert path.startswith("admin/") or (ROOT / "templates" / path).is_file(), path


@pytest.mark.parametrize("sheet", SHEETS, ids=named)
def test_a_sheet_takes_its_colours_from_the_tokens(sheet: Path) -> None:
    if sheet.name == "tokens.css":
        return
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    assert re.findall(r"#[0-9a-f]{3,8}\b(?=[;\s,)])|\brgba?\(|\bhsla?\(", text, re.IGNORECASE) == []
    assert "url(" not in text
    assert "@layer" in text


@pytest.mark.parametrize("sheet", SHEETS, ids=named)
def test_a_sheet_uses_only_tokens_that_exist(sheet: Path) -> None:
    known = set(re.findall(r"(--[\w-]+)\s*:", (STATIC / "css" / "tokens.css").read_text()))
    text = sheet.read_text()
    known |= set(re.findall(r"(--[\w-]+)\s*:", text))
    assert set(re.findall(r"var\((--[\w-]+)", text)) <= known


def test_a_page_loads_less_script_and_style_than_its_bound() -> None:
    base = (ROOT / "templates" / "base.html").read_text()
    loaded = LOADED.findall(base)
    own = {
        page.name: sum((STATIC / path).stat().st_size for path in LOADED.findall(page.read_text()))
        for page in (ROOT / "templates").rglob("*.html")
        if page.name != "base.html"
    }
    assert sum((STATIC / path).stat().st_size for path in loaded) <= PAGE_BYTES
    assert max(own.values()) <= OWN_BYTES, max(own, key=lambda page: own[page])
