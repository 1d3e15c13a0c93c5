-- Bars of one interval from closed one-minute candles: one row per venue, symbol and bar.
-- A bar exists once it has closed by $known_until (epoch ms, UTC) and has all its minutes;
-- with $sparse (the venue omits minutes without trades), closing is enough.
-- Sums of columns that the source lacks stay null.
with
minutes as (
    select
        venue,
        symbol,
        open_time,
        open,
        high,
        low,
        close,
        volume,
        quote_volume,
        trades,
        taker_buy_base,
        taker_buy_quote,
        epoch_ms(open_time) // $interval_ms * $interval_ms as bar_ms
    from candles
),

folded as (
    select
        venue,
        symbol,
        bar_ms,
        count(*) as minute_count,
        arg_min(open, open_time) as open,
        max(high) as high,
        min(low) as low,
        arg_max(close, open_time) as close,  -- noqa: RF04
        sum(volume) as volume,
        case when count(quote_volume) = count(*) then sum(quote_volume) end as quote_volume,
        case when count(trades) = count(*) then sum(trades)::bigint end as trades,
        case when count(taker_buy_base) = count(*) then sum(taker_buy_base) end as taker_buy_base,
        case when count(taker_buy_quote) = count(*) then sum(taker_buy_quote) end
            as taker_buy_quote
    from minutes
    group by venue, symbol, bar_ms
),

complete as (
    select
        venue,
        symbol,
        open,
        high,
        low,
        close,
        volume,
        quote_volume,
        trades,
        taker_buy_base,
        taker_buy_quote,
        minute_count as candles,
        make_timestamptz(bar_ms * 1000) as open_time
    from folded
    where
        bar_ms + $interval_ms <= $known_until
        and ($sparse or minute_count = $interval_ms // 60000)
)

select * from complete
order by venue, symbol, open_time
