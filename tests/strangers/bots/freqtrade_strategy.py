"""A freqtrade strategy that enters and exits when the test says so, through files."""

from pathlib import Path

from freqtrade.strategy import IStrategy


class OnCommand(IStrategy):
    """Enter while `enter` exists, exit while `exit` exists."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    can_short = False
    process_only_new_candles = False
    startup_candle_count = 20
    minimal_roi = {"0": 10}
    stoploss = -0.05
    order_types = {
        "entry": "market",
        "exit": "market",
        "emergency_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 60,
    }

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = int(Path("enter").exists())
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = 0
        return dataframe

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "command" if Path("exit").exists() else None


class OnCommandSpot(OnCommand):
    """The same on spot, where a stop at the exchange is a limit order."""

    order_types = {**OnCommand.order_types, "stoploss": "limit"}
