-- Minutes whose high or low strays from all prices around it while hardly anything trades.
-- A wick is measured from the opens and closes of the minute and its neighbours. It is bad when it
-- is longer than $sigmas robust deviations (at least $floor_move, a log return) on thin volume, or
-- longer than a factor of 1.65 on less than twice the median volume.
with
around as (
    select
        open_time,
        high,
        low,
        volume,
        greatest(
            open, close, coalesce(lag(close) over past, open), coalesce(lead(open) over past, close)
        ) as top,
        least(
            open, close, coalesce(lag(close) over past, open), coalesce(lead(open) over past, close)
        ) as bottom
    from good_candles
    window past as (order by open_time)
),

wicks as (
    select
        open_time,
        volume,
        greatest(high - top, bottom - low, 0) as step,
        greatest(ln(high / top), ln(bottom / low), 0) as wick
    from around
),

usual as (
    select
        5 * median(case when step > 0 then step end) as least_step,
        $sigmas * greatest(1.4826 * mad(wick), median(wick), $floor_move) as widest,
        median(volume) as usual_volume
    from wicks
),

offending as (
    select
        wicks.open_time,
        'high or low strays without volume' as reason
    from wicks
    cross join usual
    where
        wicks.step > usual.least_step
        and (
            wicks.wick > usual.widest and wicks.volume < $thin_share * usual.usual_volume
            or wicks.wick > 0.5 and wicks.volume < 2 * usual.usual_volume
        )
)

select * from offending
order by open_time
