-- Rows whose optional columns cannot be right: negative, or taker volume above volume.
with
offending as (
    select
        open_time,
        'quote volume, trades or taker volume is wrong' as reason
    from raw_candles
    where
        quote_volume < 0
        or trades < 0
        or taker_buy_base < 0
        or taker_buy_quote < 0
        -- sources print eight decimals, so sums may differ in the last one
        or taker_buy_base > volume * (1 + 1e-9) + 1e-7
)

select * from offending
order by open_time
