"""What is shown of a URL that may carry a password or a token."""

from __future__ import annotations

import pytest

from pullet.operations.look import redacted_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://git.example.org/acme/shop.git", "https://git.example.org/acme/shop.git"),
        ("https://kim:s3cret@git.example.org/shop", "https://kim:***@git.example.org/shop"),
        ("https://kim:s3:cret@git.example.org/shop", "https://kim:***@git.example.org/shop"),
        ("https://t0ken@git.example.org/shop", "https://***@git.example.org/shop"),
        ("HTTPS://t0ken@git.example.org/shop@2", "HTTPS://***@git.example.org/shop@2"),
        ("https://git.example.org/kim:x@y/shop", "https://git.example.org/kim:x@y/shop"),
        ("ssh://git@git.example.org/shop", "ssh://git@git.example.org/shop"),
        ("ssh://git:s3cret@git.example.org/shop", "ssh://git:***@git.example.org/shop"),
        ("git@git.example.org:acme/shop.git", "git@git.example.org:acme/shop.git"),
        ("/srv/kim:x@y/shop", "/srv/kim:x@y/shop"),
    ],
)
def test_a_url_is_shown_without_what_opens_it(url: str, shown: str) -> None:
    assert redacted_url(url) == shown
