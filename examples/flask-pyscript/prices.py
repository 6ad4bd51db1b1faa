"""What a cart costs, in cents: used by the server and in the page."""


class Cart:
    def __init__(self, prices=()):
        self.prices = [int(price) for price in prices]

    def add(self, price):
        self.prices.append(int(price))

    def total(self):
        return sum(self.prices)

    def shown(self):
        return f"{self.total() // 100}.{self.total() % 100:02} €"
