-- Funding known before the row's close; its times jitter by milliseconds and are taken as they are.
-- A rate older than a day is stale, so it is null.
with
rates as (
    select
        symbol,
        funding_time,
        funding_rate,
        avg(funding_rate) over (order by funding_time rows 8 preceding) as mean_9
    from funding
    where symbol = $symbol
),

joined as (
    select
        grid.symbol,
        grid.open_time,
        rates.funding_rate,
        rates.mean_9,
        grid.close_time - rates.funding_time as age
    from grid
    asof left join rates
        on grid.symbol = rates.symbol and grid.close_time > rates.funding_time
),

fresh as (
    select
        symbol,
        open_time,
        case when age <= interval '1 day' then funding_rate end as funding_rate,
        case when age <= interval '1 day' then mean_9 end as funding_mean_9,
        case when age <= interval '1 day' then epoch(age) / 3600 end as funding_age_hours
    from joined
)

select * from fresh
order by open_time
