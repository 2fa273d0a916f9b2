"""The colours: read by everybody, chosen once, and the terminal's own where it has no others."""

from __future__ import annotations

from pathlib import Path

import pytest
import tui_lab
from textual.color import Color
from textual.theme import Theme
from tui_pilot import lab_app, opened, pressed, shows, until

from lab.errors import LabError
from lab.settings import load_settings
from lab.tui import themes
from lab.tui.screens.picker import Picker
from lab.tui.tones import CURSOR, CURSOR_IN_FOCUS, TONES, Tone, cursor_style, mixed, style
from lab.tui.widgets.table import Table

WORDS = [name for name, tone in TONES.items() if name != "faint" and not tone.reverse]  # faint: lines and bars
MIXED = [theme for theme in themes.THEMES if not theme.ansi]
ANSI = next(theme for theme in themes.THEMES if theme.ansi)
OKABE_ITO = {"blue": "#0072b2", "sky blue": "#56b4e9", "yellow": "#f0e442", "orange": "#e69f00"}


def _luminance(colour: Color) -> float:
    """WCAG 2.1: relative luminance."""
    parts = (value / 255 for value in colour.rgb)
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _contrast(one: Color, other: Color) -> float:
    """WCAG 2.1: contrast ratio, 1…21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _grounds(theme: Theme, background: str) -> tuple[Color, list[Color]]:
    """A background, and all that its text may come to stand on: itself and the cursor over it."""
    colours = theme.to_color_system().generate()
    ground = Color.parse(colours[background])
    return ground, [ground, mixed(CURSOR, ground, colours), mixed(CURSOR_IN_FOCUS, ground, colours)]


@pytest.mark.parametrize("tone", WORDS)
@pytest.mark.parametrize("background", ["background", "panel"])
@pytest.mark.parametrize("theme", MIXED, ids=lambda theme: theme.name)
def test_words_can_be_read_on_every_ground(theme: Theme, background: str, tone: str) -> None:
    ground, stands_on = _grounds(theme, background)
    colour = mixed(TONES[tone], ground, theme.to_color_system().generate())
    wanted = 7 if theme.name == "high-contrast" else 4.5
    assert min(_contrast(colour, one) for one in stands_on) >= wanted


def test_the_colours_for_the_colour_blind_are_those_of_okabe_and_ito() -> None:
    (theme,) = [theme for theme in themes.THEMES if theme.name == "colour-blind"]
    assert {theme.primary, theme.secondary, theme.accent, theme.warning} == set(OKABE_ITO.values())
    hues = {name: Color.parse(getattr(theme, name)).hsl.h * 360 for name in ("success", "error")}
    assert 155 < hues["success"] < 175, "bluish green, lighter"
    assert 15 < hues["error"] < 35, "vermilion, lighter"
    good, bad = (_luminance(Color.parse(getattr(theme, name))) for name in ("success", "error"))
    assert good > bad, "and told apart by lightness too"


def test_with_sixteen_colours_the_terminal_says_what_they_are() -> None:
    colours = ANSI.to_color_system().generate()
    ground = Color.parse("ansi_default")
    for name, tone in TONES.items():
        found = style(name, ground, colours)
        assert found.color is not None
        assert found.color.is_default or found.color.is_system_defined, name
        assert bool(found.dim) == (tone.share < 0.8), "they cannot be mixed, so what is fainter is dim"
    assert cursor_style(ground, colours, in_focus=True).reverse
    assert not cursor_style(ground, colours, in_focus=False).reverse


def test_colours_are_mixed_where_they_can_be() -> None:
    colours = MIXED[0].to_color_system().generate()
    ground = Color.parse("#000000")
    assert mixed(Tone("foreground", 0.0), ground, colours) == ground
    assert cursor_style(ground, colours, in_focus=True).bgcolor is not None


# ---------------------------------------------------------------- choosing


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of one's own for what is remembered."""
    monkeypatch.setattr(themes, "_remembered_in", lambda: tmp_path / "state" / "theme")
    return tmp_path / "state" / "theme"


def test_the_first_theme_is_there_until_another_is_chosen(artifacts: Path, own: Path) -> None:
    assert themes.chosen() == "lab"
    themes.remember("high-contrast")
    assert themes.chosen() == "high-contrast"


def test_the_setting_wins_over_what_was_chosen(artifacts: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    themes.remember("high-contrast")
    monkeypatch.setenv("LAB_THEME", "ansi")
    load_settings.cache_clear()
    assert themes.chosen() == "ansi"


def test_a_theme_that_does_not_exist_is_refused_with_the_nearest(
    artifacts: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_THEME", "high-contast")
    load_settings.cache_clear()
    with pytest.raises(LabError, match=r"there is no theme 'high-contast'; did you mean high-contrast\?"):
        themes.chosen()


@pytest.mark.parametrize("content", [b"", b"no such theme", b"\xff\xfe", b"x" * 100_000])
def test_what_is_remembered_and_no_theme_is_forgotten(artifacts: Path, own: Path, content: bytes) -> None:
    own.parent.mkdir()
    own.write_bytes(content)
    assert themes.chosen() == "lab"


def test_a_home_that_cannot_be_written_costs_the_memory_only(artifacts: Path, own: Path) -> None:
    own.parent.write_text("a file in its place")
    themes.remember("ansi")
    assert themes.chosen() == "lab"


async def test_the_palette_leads_to_the_themes_and_the_choice_is_remembered(artifacts: Path, own: Path) -> None:
    async with opened(tab="overview") as pilot:
        pilot.app.action_change_theme()
        await until(pilot, lambda: isinstance(pilot.app.screen, Picker) and bool(pilot.app.screen.query(Table)))
        await shows(pilot, "colour-blind")
        await pilot.press(*"high", "enter")
        await until(pilot, lambda: pilot.app.theme == "high-contrast")
        assert themes.chosen() == "high-contrast"


@pytest.mark.parametrize("theme", themes.THEMES, ids=lambda theme: theme.name)
async def test_every_screen_opens_in_every_theme(artifacts: Path, data: Path, theme: Theme) -> None:
    tui_lab.busy(data)
    async with opened(tab="overview") as pilot:
        pilot.app.theme = theme.name
        assert "smart-home-6" in await pressed(pilot, "6")
        assert "help" in await pressed(pilot, "question_mark", "escape")


def test_the_app_has_every_theme() -> None:
    assert {theme.name for theme in themes.THEMES} <= set(lab_app().available_themes)
