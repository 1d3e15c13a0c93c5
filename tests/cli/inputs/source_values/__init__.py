"""Numbers of the rules in the original documents, beside those of the code.

The sources are Korean documents of five earlier systems: `bot` (structure and logic of a trading
bot), `report` (technical report, crypto and stocks), `design` (a bot for one PC), `ict`
(requirements of the ICT bot) and `dca` (report on averaging and the surge strategy).
"""
