"""The engine of Korean stocks: sessions, price steps, daily limits, fees and tax in won."""
