"""The USDⓈ-M API: parameters, handlers, JSON, streams."""
