-- Runs of at least $least minutes without a trade: the first minute and the count.
with
quiet as (
    select
        epoch_ms(open_time) as start_ms,
        epoch_ms(open_time) - 60000 * row_number() over (order by open_time) as island
    from candles
    where volume = 0
),

runs as (
    select
        min(start_ms) as start_ms,
        count(*) as minutes
    from quiet
    group by island
)

select * from runs
where minutes >= $least
order by start_ms
