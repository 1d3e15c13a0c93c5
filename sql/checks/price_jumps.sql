-- Minutes whose close jumps beyond $sigmas robust deviations while hardly anything trades.
-- The deviation is 1.4826 × the median absolute deviation, at least $floor_move (a log return).
with
moves as (
    select
        open_time,
        volume,
        case
            when open_time - lag(open_time) over past = interval '1 minute'
                then ln(close / lag(close) over past)
        end as log_move
    from good_candles
    window past as (order by open_time)
),

usual as (
    select
        median(log_move) as middle,
        $sigmas * greatest(1.4826 * mad(log_move), $floor_move) as widest,
        $thin_share * median(volume) as thin_volume
    from moves
),

offending as (
    select
        moves.open_time,
        'price jumps without volume' as reason
    from moves
    cross join usual
    where
        abs(moves.log_move - usual.middle) > usual.widest
        and moves.volume < usual.thin_volume
)

select * from offending
order by open_time
