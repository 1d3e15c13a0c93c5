-- Runs of missing minutes: the first minute and the count.
with
steps as (
    select
        open_time,
        lead(open_time) over (order by open_time) as next_time
    from candles
),

gaps as (
    select
        epoch_ms(open_time) + 60000 as start_ms,
        (epoch_ms(next_time) - epoch_ms(open_time)) // 60000 - 1 as minutes
    from steps
    where next_time - open_time > interval '1 minute'
)

select * from gaps
order by start_ms
