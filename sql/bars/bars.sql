-- Bars of one interval from closed one-minute candles: one row per venue, symbol and bar.
-- With $unit 'minute' a bar is $interval_ms long and begins at a multiple of that; with 'day',
-- 'week' (from Monday) or 'month' it follows the calendar, whose days begin $offset_ms before
-- midnight UTC. A bar exists once it has closed by $known_until (epoch ms, UTC), where the series
-- begins at or before it ($first_ms). It has all its minutes, but with $sparse (the venue omits
-- minutes without trades) and in a week or a month: candles says how many there are.
-- Only bars that open from $from_ms to $to_ms, exclusive, are returned.
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
        case
            when $unit = 'minute' then epoch_ms(open_time) // $interval_ms * $interval_ms
            else epoch_ms(
                date_trunc($unit, make_timestamp((epoch_ms(open_time) + $offset_ms) * 1000))
            ) - $offset_ms
        end as bar_ms
    from candles
),

folded as (
    select
        venue,
        symbol,
        bar_ms,
        make_timestamp((bar_ms + $offset_ms) * 1000) as local_start,
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

spans as (
    select
        *,
        case $unit
            when 'minute' then bar_ms + $interval_ms
            when 'day' then epoch_ms(local_start + interval 1 day) - $offset_ms
            when 'week' then epoch_ms(local_start + interval 7 day) - $offset_ms
            else epoch_ms(local_start + interval 1 month) - $offset_ms
        end as close_ms,
        $unit in ('week', 'month') as may_lack_minutes
    from folded
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
    from spans
    where
        close_ms <= $known_until
        and bar_ms >= $first_ms
        and bar_ms >= $from_ms
        and bar_ms < $to_ms
        and ($sparse or may_lack_minutes or minute_count = (close_ms - bar_ms) // 60000)
)

select * from complete
order by venue, symbol, open_time
