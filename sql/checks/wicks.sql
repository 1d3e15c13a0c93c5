-- Minutes whose high or low strays from all prices around it while hardly anything trades.
-- A wick is measured from the opens and closes of the minute and its neighbours. It is bad when it
-- is longer than $sigmas robust deviations (at least $floor_move, a log return) on thin volume, or
-- longer than a factor of 1.65 on less than twice the median volume.
-- The next open only excuses a wick, and only once it is known: a live check at the close would
-- refuse more candles, never fewer, so nothing that is used here could not have been used then.
-- The robust deviations are those of the month, as for price jumps.
with
around as (
    select
        open_time,
        high,
        low,
        volume,
        greatest(
            open,
            close,
            coalesce(lag(close) over by_time, open),
            coalesce(lead(open) over by_time, close)
        ) as highest_body,
        least(
            open,
            close,
            coalesce(lag(close) over by_time, open),
            coalesce(lead(open) over by_time, close)
        ) as lowest_body
    from good_candles
    window by_time as (order by open_time)
),

wicks as (
    select
        open_time,
        volume,
        greatest(high - highest_body, lowest_body - low, 0) as step,
        greatest(ln(high / highest_body), ln(lowest_body / low), 0) as wick
    from around
),

usual as (
    select
        5 * median(case when step > 0 then step end) as least_step,
        $sigmas * greatest(1.4826 * mad(wick), median(wick), $floor_move) as widest,
        median(volume) as usual_volume,
        $thin_share * median(volume) as thin_volume
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
            wicks.wick > usual.widest and wicks.volume < usual.thin_volume
            or wicks.wick > 0.5 and wicks.volume < 2 * usual.usual_volume
        )
)

select * from offending
order by open_time
