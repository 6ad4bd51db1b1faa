import pytest
from prices import Cart


@pytest.mark.parametrize(("prices", "shown"), [([], "0.00 €"), ([250], "2.50 €"), ([250, 1], "2.51 €")])
def test_what_is_shown(prices, shown):
    assert Cart(prices).shown() == shown
