-- One higher timeframe of one symbol; a row may be used from known_at, the close of its bar.
with
own as (
    select
        symbol,
        open_time,
        high,
        low,
        close,
        ln(close / lag(close) over (order by open_time)) as ret_1
    from bars
    where symbol = $symbol and interval = $interval
),

higher as (
    select
        symbol,
        ret_1,
        open_time + to_milliseconds($interval_ms) as known_at,
        ln(high / low) as range_1,
        (close - low) / nullif(high - low, 0) as place_1,
        ln(close / lag(close, 6) over past) as ret_6,
        ln(close / avg(close) over w10) as dist_sma_10,
        ln(close / avg(close) over w20) as dist_sma_20,
        avg(greatest(ret_1, 0)) over w14 / nullif(avg(abs(ret_1)) over w14, 0) as rsi_14
    from own
    window
        past as (order by open_time),
        w10 as (order by open_time rows 9 preceding),
        w14 as (order by open_time rows 13 preceding),
        w20 as (order by open_time rows 19 preceding)
)

select * from higher
order by known_at
