-- The rows of one symbol's features: every 15-minute step of its bars.
-- A missing bar is a row of nulls, so a window of n rows always spans n × 15 minutes.
-- One symbol at a time, so that a window sum depends only on its own past, to the last bit.
with
own as (
    select
        symbol,
        open_time,
        open,
        high,
        low,
        close,
        volume
    from bars
    where symbol = $symbol and interval = '15m'
),

ends as (
    select
        any_value(symbol) as symbol,
        min(open_time) as first_time,
        max(open_time) as last_time
    from own
),

steps as (
    select
        symbol,
        unnest(generate_series(first_time, last_time, interval '15 minutes')) as open_time
    from ends
),

grid as (
    select
        steps.symbol,
        steps.open_time,
        own.open,
        own.high,
        own.low,
        own.close,
        own.volume,
        steps.open_time + interval '15 minutes' as close_time,
        ln(own.close / lag(own.close) over (order by steps.open_time)) as ret
    from steps
    left join own on steps.open_time = own.open_time
)

select * from grid
order by open_time
