"""The USDⓈ-M futures exchange."""
