-- The universe of each day: the symbols that traded most on the day before, which is all that was
-- known when the day began. A symbol that is delisted later stays in the days on which it traded.
-- Where the exchange's quote volume is unknown, it is close × volume.
with
traded as (
    select
        symbol,
        time_bucket(interval '1 day', open_time) + interval '1 day' as day_start,
        sum(coalesce(quote_volume, close * volume)) as quote_volume
    from bars
    group by symbol, time_bucket(interval '1 day', open_time)
),

ranked as (
    select
        day_start,
        symbol,
        quote_volume,
        row_number() over (
            partition by day_start order by quote_volume desc, symbol asc
        ) as place
    from traded
    where day_start >= $first_day and day_start < $until_day
)

select * from ranked
where place <= $size
order by day_start, symbol
