"""The USDⓈ-M futures dialect: parameters, answers, streams."""
