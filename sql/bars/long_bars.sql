-- Bars of a day, a week from Monday or a calendar month ($unit) from closed one-minute candles.
-- Days begin $offset_ms before midnight UTC. A bar exists once it has closed by $known_until
-- (epoch ms, UTC), where the series begins at or before it ($first_ms). A day has all its minutes,
-- but with $sparse; in a week or a month some may be missing, and candles says how many there are.
-- Only bars that open from $from_ms to $to_ms, exclusive, are returned.
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
        date_trunc($unit, make_timestamp((epoch_ms(open_time) + $offset_ms) * 1000)) as local_start
    from candles
),

folded as (
    select
        venue,
        symbol,
        local_start,
        epoch_ms(local_start) - $offset_ms as bar_ms,
        epoch_ms(
            local_start
            + case $unit
                when 'day' then interval 1 day
                when 'week' then interval 7 day
                else interval 1 month
            end
        ) - $offset_ms as close_ms,
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
    group by venue, symbol, local_start
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
        close_ms <= $known_until
        and bar_ms >= $first_ms
        and bar_ms >= $from_ms
        and bar_ms < $to_ms
        and ($unit != 'day' or $sparse or minute_count = 1440)
)

select * from complete
order by venue, symbol, open_time
