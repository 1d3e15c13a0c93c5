"""A daily index of crowd sentiment, from any address that serves it in the usual shape."""
