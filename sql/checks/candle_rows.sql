-- Rows of raw one-minute candles that cannot be right, with the reason; no row means all passed.
with
candles as (
    select
        open_time,
        open,
        high,
        low,
        close,
        volume,
        open is null
        or high is null
        or low is null
        or close is null
        or volume is null as is_missing,
        isfinite(open)
        and isfinite(high)
        and isfinite(low)
        and isfinite(close)
        and isfinite(volume) as is_finite
    from raw_candles
),

numbers as (
    select * from candles
    where not is_missing and is_finite
),

offending as (
    select
        open_time,
        'a price or the volume is missing' as reason
    from candles
    where is_missing
    union all
    select
        open_time,
        'a price or the volume is not a number' as reason
    from candles
    where not is_missing and not is_finite
    union all
    select
        open_time,
        'a price is not positive' as reason
    from numbers
    where least(open, high, low, close) <= 0
    union all
    select
        open_time,
        'high is below open or close' as reason
    from numbers
    where high < greatest(open, close)
    union all
    select
        open_time,
        'low is above open or close' as reason
    from numbers
    where low > least(open, close)
    union all
    select
        open_time,
        'volume is negative' as reason
    from numbers
    where volume < 0
    union all
    select
        open_time,
        'not on a full minute' as reason
    from candles
    where epoch_ms(open_time) % 60000 != 0
    union all
    select
        open_time,
        'the minute appears twice' as reason
    from candles
    group by open_time
    having count(*) > 1
)

select * from offending
order by open_time, reason
