from playwright.sync_api import Page, expect


def test_coffee_is_ordered(page: Page):
    page.goto("/")
    expect(page.locator("#total")).to_have_text("0.00 €", timeout=30_000)
    page.click("#add")
    page.click("#add")
    expect(page.locator("#total")).to_have_text("5.00 €")
    page.click("#order")
    expect(page.locator("#ordered")).to_have_text("ordered for 500")
