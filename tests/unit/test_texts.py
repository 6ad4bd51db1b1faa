"""The text that an expression comes to, told without running it."""

from __future__ import annotations

import ast

import pytest

from pullet.analysis.detection.texts import text_of


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("'shop.settings'", "shop.settings"),
        ("'shop.production' if 'WEBSITE_HOSTNAME' in os.environ else 'shop.settings'", "shop.production"),
        ("'shop.dev' if 'WEBSITE_HOSTNAME' not in os.environ else 'shop.production'", "shop.production"),
        ("'shop.production' if os.getenv('RENDER') else 'shop.settings'", "shop.production"),
        ("'shop.production' if os.environ.get('MY_OWN') else 'shop.settings'", "shop.settings"),
        ("'shop.production' if not os.environ.get('MY_OWN') else 'shop.settings'", "shop.production"),
        ("'a' if os.getenv('MY_OWN') or os.getenv('RENDER') else 'b'", "a"),
        ("'a' if os.getenv('MY_OWN') and os.getenv('RENDER') else 'b'", "b"),
        ("os.environ.get('DJANGO_SETTINGS_MODULE', 'shop.settings')", "shop.settings"),
        ("os.getenv('X') or 'shop.settings'", "shop.settings"),
        ("f\"shop.settings.{os.getenv('STAGE', 'production')}\"", "shop.settings.production"),
        ("'shop.' + NAME", "shop.own"),
        ("f'shop.{unknown()}'", None),
        ("os.environ['X']", None),
        ("LOOP", None),
        ("'x' * 999", None),
        (" + ".join(["'x'"] * 500), None),
    ],
)
def test_what_an_expression_comes_to(code: str, text: str | None) -> None:
    values = {"NAME": "'own'", "LOOP": "LOOP"}
    parsed = {name: ast.parse(value, mode="eval").body for name, value in values.items()}
    assert text_of(ast.parse(code, mode="eval").body, parsed) == text
