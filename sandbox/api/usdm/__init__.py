"""The USDⓈ-M dialect: parameters, handlers, JSON, streams."""
