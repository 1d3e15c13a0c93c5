"""Candles of Korean stocks, over the Open API of Korea Investment & Securities.

The protocol follows the samples at https://github.com/koreainvestment/open-trading-api. The default
host is the one for virtual trading; its key and secret come from the environment.
"""
