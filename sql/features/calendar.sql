-- The clock of the row's close, UTC. Sines and cosines, so that midnight is not a jump.
with
clock as (
    select
        symbol,
        open_time,
        epoch_ms(close_time) % 86400000 / 86400000 as day_part,
        -- 1970-01-01 was a Thursday; three more days make weeks start on Monday
        (epoch_ms(close_time) + 3 * 86400000) % 604800000 / 604800000 as week_part,
        epoch_ms(close_time) % 28800000 / 28800000 as funding_part
    from grid
),

calendar as (
    select
        symbol,
        open_time,
        sin(2 * pi() * day_part) as hour_sin,
        cos(2 * pi() * day_part) as hour_cos,
        sin(2 * pi() * week_part) as week_sin,
        cos(2 * pi() * week_part) as week_cos,
        (week_part >= 5 / 7)::double as weekend,
        8 - 8 * funding_part as hours_to_funding
    from clock
)

select * from calendar
order by open_time
