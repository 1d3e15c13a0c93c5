-- Minutes whose close jumps more than $sigmas robust deviations while hardly anything trades.
-- The deviation is 1.4826 × the median absolute deviation, at least $floor_move (a log return).
-- A move of up to five usual price steps does not count: with a coarse step, most minutes do not
-- move at all.
with
moves as (
    select
        open_time,
        volume,
        open_time - lag(open_time) over past as since,
        abs(close - lag(close) over past) as step,
        ln(close / lag(close) over past) as log_move
    from good_candles
    window past as (order by open_time)
),

neighbours as (
    select * from moves
    where since = interval '1 minute'
),

usual as (
    select
        median(log_move) as middle,
        5 * median(case when step > 0 then step end) as least_step,
        $sigmas * greatest(1.4826 * mad(log_move), $floor_move) as widest,
        $thin_share * median(volume) as thin_volume
    from neighbours
),

offending as (
    select
        neighbours.open_time,
        'price jumps without volume' as reason
    from neighbours
    cross join usual
    where
        abs(neighbours.log_move - usual.middle) > usual.widest
        and neighbours.step > usual.least_step
        and neighbours.volume < usual.thin_volume
)

select * from offending
order by open_time
