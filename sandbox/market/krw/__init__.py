"""Korean markets: books on a price ladder, trading days."""
